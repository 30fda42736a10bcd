package import Bytes
import SIPMessage

/// The branches of a request as scripts count them: 0 is the request URI's own, those added follow.
package enum Branches {
    /// Reads a q: thousandths as an integer, or `0.5` as text. nil for other values; NULL is "unspecified".
    static func q(_ value: Value) -> Int? {
        switch value {
        case .null: return ScriptBranch.qUnspecified
        case .integer(let number), .decimal(let number), .both(_, let number):
            return number == -1 || (0...1000).contains(number) ? number : nil
        case .string(let text): return q(text)
        }
    }

    /// `0.5` or `500`
    package static func q(_ text: ByteString) -> Int? {
        if let thousandths = text.trimmed().qThousandths { return thousandths }
        return text.decimal().flatMap { (0...1000).contains($0) ? $0 : nil }
    }

    /// `<uri>;q=0.5`
    package static func display(_ uri: ByteString, _ q: Int) -> ByteString {
        var writer = ByteWriter(reserving: uri.count + 8)
        writer.append(ASCII.less)
        writer.append(uri)
        writer.append(ASCII.greater)
        if q != ScriptBranch.qUnspecified {
            writer.append(";q=")
            writer.append(decimal: q / 1000)
            if q % 1000 != 0 {
                var fraction = q % 1000
                var digits = 3
                while fraction % 10 == 0 {
                    fraction /= 10
                    digits -= 1
                }
                writer.append(".")
                let text = ByteString(decimal: fraction)
                for _ in text.count..<digits { writer.append("0") }
                writer.append(text)
            }
        }
        return writer.finishText()
    }

    /// Adds a branch. False when there are `ScriptBranch.countMax`, the request URI's included.
    @discardableResult
    package static func append(_ branch: ScriptBranch, to context: MessageContext) -> Bool {
        guard context.branches.count + 1 < ScriptBranch.countMax else { return false }
        context.branches.append(branch)
        return true
    }

    /// The request URI's own branch as a value.
    package static func own(_ context: MessageContext) -> ScriptBranch {
        var branch = ScriptBranch(
            uri: context.requestURI, destinationURI: context.destinationURI, path: context.path, q: context.q,
            flags: context.branchFlags, socket: context.socketOut)
        branch.attributes = context.branchAttributes
        return branch
    }

    /// Makes a branch the request URI's own.
    package static func setOwn(_ branch: ScriptBranch, in context: MessageContext) {
        context.requestURI = branch.uri
        context.destinationURI = branch.destinationURI
        context.path = branch.path
        context.q = branch.q
        context.branchFlags = branch.flags
        context.socketOut = branch.socket
        context.branchAttributes = branch.attributes
    }

    /// The branch of a number: 0 is the request URI's.
    static func get(_ position: Int, in context: MessageContext) -> ScriptBranch {
        position == 0 ? own(context) : context.branches[position - 1]
    }

    static func set(_ branch: ScriptBranch, at position: Int, in context: MessageContext) {
        if position == 0 { setOwn(branch, in: context) } else { context.branches[position - 1] = branch }
    }
}
