/// The files a script was read from, in the order in which they were first reached. Index 0 is the script itself.
package struct SourceFiles: Sendable {
    package struct File: Sendable {
        /// As written on the command line or in the include line.
        package var name: String
        package var bytes: [UInt8]
        /// Of the line that included it, nil for the script itself.
        package var includedFrom: SourceLocation?
        /// Offsets of the first byte of each line.
        var lineStarts: [Int]

        init(name: String, bytes: [UInt8], includedFrom: SourceLocation?) {
            self.name = name
            self.bytes = bytes
            self.includedFrom = includedFrom
            var starts = [0]
            for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
            self.lineStarts = starts
        }
    }

    package private(set) var files: [File] = []

    package init() {}

    package func name(_ index: Int) -> String {
        files.indices.contains(index) ? files[index].name : "<unknown>"
    }

    /// Of the line that included a file, nil for the script itself.
    package func includedFrom(_ index: Int) -> SourceLocation? {
        files.indices.contains(index) ? files[index].includedFrom : nil
    }

    mutating func add(_ file: File) -> Int {
        files.append(file)
        return files.count - 1
    }

    /// A line without its end, nil when there is no such line. Lines count from 1.
    package func line(_ line: Int, of file: Int) -> ArraySlice<UInt8>? {
        guard files.indices.contains(file), line >= 1, line <= files[file].lineStarts.count else { return nil }
        let bytes = files[file].bytes
        let start = files[file].lineStarts[line - 1]
        var end = line < files[file].lineStarts.count ? files[file].lineStarts[line] - 1 : bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return bytes[start..<max(start, end)]
    }
}
