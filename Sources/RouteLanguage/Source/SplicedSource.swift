/// A script and everything it includes as one text, with the way back to files and lines.
///
/// `include_file "x"` and `import_file "x"` on lines of their own are replaced by the file before lexing, as in the
/// peer, so they work at top level and inside routes.
struct SplicedSource {
    /// Where a line of the spliced text comes from.
    struct Line {
        /// Offset of its first byte in `bytes`.
        var start: Int
        var file: Int
        var line: Int
    }

    private(set) var bytes: [UInt8] = []
    private(set) var lines: [Line] = []
    private(set) var files = SourceFiles()

    /// Reads `path` with its includes. Problems go to `diagnostics`; what could be read is in the result.
    static func read(
        path: String, reader: SourceReader, limits: ScriptLimits, diagnostics: inout DiagnosticList
    ) -> SplicedSource {
        var source = SplicedSource()
        let displayName = path == "-" ? "<stdin>" : path
        switch reader.read(path, limits.fileBytesMax) {
        case .success(let bytes):
            source.splice(
                SourceFiles.File(name: displayName, bytes: bytes, includedFrom: nil), depth: 0, reader: reader,
                limits: limits, diagnostics: &diagnostics)
        case .failure(let error):
            _ = source.files.add(SourceFiles.File(name: displayName, bytes: [], includedFrom: nil))
            diagnostics.error(
                "unreadable-file", at: SourceLocation(file: 0, line: 0, column: 0, length: 0), text(of: error))
        }
        return source
    }

    /// Sends the text through a command. From here on places are lines of what it printed: nobody knows where the command
    /// took them from. An unchanged text keeps its places.
    mutating func preprocess(with command: String, limits: ScriptLimits, diagnostics: inout DiagnosticList) {
        switch Preprocessor.run(command, input: bytes, limit: limits.totalBytesMax) {
        case .success(let output):
            if output == bytes { return }
            let name = files.name(0)
            var replaced = SplicedSource()
            replaced.splice(
                SourceFiles.File(name: name, bytes: output, includedFrom: nil), depth: limits.includeDepthMax,
                reader: SourceReader { _, _ in .failure(.notFound) }, limits: limits, diagnostics: &diagnostics)
            self = replaced
        case .failure(let error):
            // What the command should have changed would only give errors that are not the writer's.
            bytes = []
            lines = []
            diagnostics.error(
                "preprocessor", at: SourceLocation(file: 0, line: 0, column: 0, length: 0),
                "the preprocessor `\(command)` failed: \(error.text)")
        }
    }

    /// The place of a stretch of the spliced text. It ends with its line at the latest.
    func location(_ range: Range<Int>) -> SourceLocation {
        guard let line = lines.last(where: range.lowerBound) else { return .none }
        var end = range.lowerBound
        while end < range.upperBound, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        return SourceLocation(
            file: line.file, line: line.line, column: range.lowerBound - line.start + 1,
            length: max(1, end - range.lowerBound))
    }

    private mutating func splice(
        _ file: SourceFiles.File, depth: Int, reader: SourceReader, limits: ScriptLimits,
        diagnostics: inout DiagnosticList
    ) {
        let fileIndex = files.add(file)
        let text = file.bytes
        for (index, start) in file.lineStarts.enumerated() {
            let end = index + 1 < file.lineStarts.count ? file.lineStarts[index + 1] : text.count
            if start == end { break }
            let line = text[start..<end]
            if let include = IncludeLine(line) {
                let location = SourceLocation(
                    file: fileIndex, line: index + 1, column: include.column, length: include.length)
                self.include(
                    include.path, at: location, from: file.name, depth: depth, reader: reader, limits: limits,
                    diagnostics: &diagnostics)
                continue
            }
            lines.append(Line(start: bytes.count, file: fileIndex, line: index + 1))
            bytes += line
            // A missing final newline is added, so that the last line of an included file ends there.
            if line.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
        }
    }

    private mutating func include(
        _ path: String, at location: SourceLocation, from including: String, depth: Int, reader: SourceReader,
        limits: ScriptLimits, diagnostics: inout DiagnosticList
    ) {
        guard depth < limits.includeDepthMax else {
            diagnostics.error(
                "include-depth", at: location, "more than \(limits.includeDepthMax) includes within one another",
                hint: "does `\(path)` include itself?")
            return
        }
        guard files.files.count < limits.fileCountMax, bytes.count < limits.totalBytesMax else {
            diagnostics.error(
                "include-size", at: location,
                "the script is too large: at most \(limits.fileCountMax) files and \(limits.totalBytesMax) bytes")
            return
        }
        var candidates = [path]
        if !path.hasPrefix("/"), let slash = including.utf8.lastIndex(of: UInt8(ascii: "/")) {
            candidates.append(String(including[...slash]) + path)
        }
        for candidate in candidates {
            switch reader.read(candidate, limits.fileBytesMax) {
            case .success(let bytes):
                splice(
                    SourceFiles.File(name: candidate, bytes: bytes, includedFrom: location), depth: depth + 1,
                    reader: reader, limits: limits, diagnostics: &diagnostics)
                return
            case .failure(.notFound):
                continue
            case .failure(let error):
                diagnostics.error(
                    "unreadable-file", at: location, "cannot include `\(candidate)`: \(Self.text(of: error))")
                return
            }
        }
        diagnostics.error(
            "missing-include", at: location, "cannot include `\(path)`: no such file",
            hint: "tried \(candidates.map { "`\($0)`" }.joined(separator: ", then "))"
                + (candidates.count == 1 && !path.hasPrefix("/") ? " in the directory that SIPRay was started in" : ""))
    }

    private static func text(of error: SourceError) -> String {
        switch error {
        case .notFound: "no such file"
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .isDirectory: "is a directory"
        case .tooLarge(let limit): "is larger than \(limit) bytes"
        }
    }
}

extension [SplicedSource.Line] {
    /// The line that an offset lies in.
    func last(where offset: Int) -> SplicedSource.Line? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].start <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? self[low - 1] : nil
    }
}

/// A line `include_file "x"`.
struct IncludeLine {
    var path: String
    /// Of the quoted name, from 1.
    var column: Int
    var length: Int

    init?(_ line: ArraySlice<UInt8>) {
        var index = line.startIndex
        func skipBlanks() { while index < line.endIndex, line[index] == 0x20 || line[index] == 0x09 { index += 1 } }
        skipBlanks()
        guard let word = ["include_file", "import_file"].first(where: { line[index...].starts(with: $0.utf8) }) else {
            return nil
        }
        index += word.utf8.count
        skipBlanks()
        guard index < line.endIndex, line[index] == UInt8(ascii: "\"") || line[index] == UInt8(ascii: "'") else {
            return nil
        }
        let quote = line[index]
        guard let close = line[(index + 1)...].firstIndex(of: quote), close > index + 1 else { return nil }
        path = String(decoding: line[(index + 1)..<close], as: UTF8.self)
        column = index - line.startIndex + 1
        length = close - index + 1
        index = close + 1
        while index < line.endIndex, [0x20, 0x09, 0x0D, 0x0A, UInt8(ascii: ";")].contains(line[index]) { index += 1 }
        guard index == line.endIndex || line[index] == UInt8(ascii: "#") else { return nil }
    }
}
