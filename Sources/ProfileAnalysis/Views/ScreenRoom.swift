/// What a terminal has room for, and what of some lines fits into it. Pure.
///
/// Lines may have the colours of ``TextStyle``; they count nothing.
package struct ScreenRoom: Hashable, Sendable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// Lines of a table that are shown whatever stands above it: its names and one more.
    private static let tableRowsMin = 2

    /// Lines above the table that stay when lines that are not cut need their room.
    private static let aboveRowsMin = 2

    /// A screen: what stands above a table, then as much of the table as fits; the terminal's last row stays empty for the
    /// cursor. Empty lines go first when it is tight, then what `above` ends with.
    ///
    /// - Parameters:
    ///   - above: each is cut to the width.
    ///   - whole: these stand below `above` and are cut last (a command to copy): the terminal wraps them.
    ///   - table: the first is the line of names.
    ///   - rest: the last line, for so many lines of the table that have no room and `more` that were left out before.
    package func fit(
        above: [String], whole: [String] = [], table: [String], more: Int = 0, rest: (Int) -> String
    ) -> [String] {
        let usable = max(1, rows - 1)
        let reserved = min(Self.tableRowsMin, table.count)
        let wholeHeight = whole.map(height).reduce(0, +)
        let isTight = above.count + wholeHeight + table.count + (more > 0 ? 1 : 0) > usable
        let aboveCount = min(usable, max(Self.aboveRowsMin, usable - reserved - wholeHeight))
        var lines = above.filter { !isTight || !$0.isEmpty }.prefix(aboveCount).map(cut)
        var used = lines.count
        for line in whole where used < usable - reserved && !(isTight && line.isEmpty) {
            let hasRoom = used + height(line) <= usable - reserved
            lines.append(hasRoom ? line : cut(line))
            used += hasRoom ? height(line) : 1
        }
        guard !table.isEmpty, used < usable else { return lines }
        let left = usable - used
        let isAll = table.count + (more > 0 ? 1 : 0) <= left
        // A line of the table says more than that there are others.
        let shown = isAll ? table.count : min(table.count, left > Self.tableRowsMin ? left - 1 : left)
        lines += table.prefix(shown).map(cut)
        let hidden = table.count - shown + more
        if hidden > 0, used + shown < usable { lines.append(cut(rest(hidden))) }
        return lines
    }

    /// Rows that a line takes.
    func height(_ line: String) -> Int { max(1, (Self.width(line) - 1) / columns + 1) }

    /// The line as far as the width goes, with `…` where something is missing; colours end with it.
    package func cut(_ line: String) -> String {
        guard Self.width(line) > columns else { return line }
        var shown = String.UnicodeScalarView()
        var width = 0
        var isInColour = false
        var isColoured = false
        for scalar in line.unicodeScalars {
            if scalar == "\u{1B}" { (isInColour, isColoured) = (true, true) }
            if !isInColour {
                width += Self.width(scalar)
                if width > columns - 1 { break }
            }
            shown.append(scalar)
            if isInColour, scalar == "m" { isInColour = false }
        }
        return String(shown) + "…" + (isColoured ? "\u{1B}[0m" : "")
    }

    /// Columns that a line takes.
    package static func width(_ line: String) -> Int {
        var width = 0
        var isInColour = false
        for scalar in line.unicodeScalars {
            if scalar == "\u{1B}" { isInColour = true }
            if !isInColour { width += Self.width(scalar) }
            if isInColour, scalar == "m" { isInColour = false }
        }
        return width
    }

    /// Columns of a character: none for what joins the one before, two for what East Asian scripts and pictures take.
    private static func width(_ scalar: Unicode.Scalar) -> Int {
        if scalar.isASCII { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
