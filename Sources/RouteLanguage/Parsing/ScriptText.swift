/// A stretch of script bytes that knows where each of them stands in the source: a variable token, or the value of a
/// string whose escapes were resolved.
struct ScriptText {
    let bytes: [UInt8]
    let source: SplicedSource
    /// In the spliced text: of byte 0 when there are no `offsets`, else of the token.
    let base: Int
    let offsets: [Int32]?

    /// The text of a token that holds no escapes.
    init(source: SplicedSource, range: Range<Int>) {
        self.bytes = Array(source.bytes[range])
        self.source = source
        self.base = range.lowerBound
        self.offsets = nil
    }

    /// The value of a string token.
    init(source: SplicedSource, string: [UInt8], token: Token) {
        self.bytes = string
        self.source = source
        self.base = token.offsets == nil ? token.range.lowerBound + 1 : token.range.lowerBound
        self.offsets = token.offsets
    }

    func location(_ range: Range<Int>) -> SourceLocation {
        let lower = sourceOffset(range.lowerBound)
        let upper = range.isEmpty ? lower : sourceOffset(range.upperBound - 1) + 1
        return source.location(lower..<max(lower, min(upper, source.bytes.count)))
    }

    private func sourceOffset(_ index: Int) -> Int {
        guard let offsets else { return min(base + index, max(0, source.bytes.count - 1)) }
        guard index < offsets.count else { return base + Int(offsets.last ?? 0) }
        return base + Int(offsets[index])
    }
}
