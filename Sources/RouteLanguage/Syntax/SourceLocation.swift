/// A stretch of script text on one line, as its writer sees it.
///
/// `file` is an index into `SourceFiles`; `line` and `column` count from 1; `column` and `length` are in bytes of that
/// line. 16 bytes, copied into every node of the syntax tree.
package struct SourceLocation: Hashable, Sendable, BitwiseCopyable {
    package var file: Int32
    package var line: Int32
    package var column: Int32
    package var length: Int32

    package init(file: Int, line: Int, column: Int, length: Int = 1) {
        self.file = Int32(clamping: file)
        self.line = Int32(clamping: line)
        self.column = Int32(clamping: column)
        self.length = Int32(clamping: length)
    }

    /// The place of nodes that no one wrote (a default, a synthesised value).
    package static let none = SourceLocation(file: 0, line: 0, column: 0, length: 0)
}
