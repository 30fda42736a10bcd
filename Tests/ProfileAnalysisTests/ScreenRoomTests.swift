import Testing

@testable import ProfileAnalysis

@Suite struct ScreenRoomTests {
    static let lines: [(String, columns: Int, shown: String, height: Int)] = [
        ("", 5, "", 1), ("12345", 5, "12345", 1), ("123456", 5, "1234…", 2), ("1234567890", 5, "1234…", 2),
        ("\u{1B}[1m12345\u{1B}[0m", 5, "\u{1B}[1m12345\u{1B}[0m", 1),
        ("\u{1B}[1m123456\u{1B}[0m", 5, "\u{1B}[1m1234…\u{1B}[0m", 2),
        ("1234\u{1B}[2m567\u{1B}[0m", 5, "1234\u{1B}[2m…\u{1B}[0m", 2),
        ("電話電話", 5, "電話…", 2), ("e\u{301}2345", 5, "e\u{301}2345", 1), ("123456", 1, "…", 6),
        (String(repeating: "x", count: 500), .max, String(repeating: "x", count: 500), 1),
    ]

    @Test(arguments: lines) func cuts(line: String, columns: Int, shown: String, height: Int) {
        let room = ScreenRoom(columns: columns, rows: 10)
        #expect(room.cut(line) == shown)
        #expect(room.height(line) == height)
    }

    static let above = ["head", "", "a", "b"]
    static let table = ["names", "1", "2", "3"]
    static let long = String(repeating: "w", count: 25)

    /// What stands above, what is whole, more rows elsewhere, rows of the screen, what is shown on ten columns.
    static let screens: [([String], [String], Int, Int, [String])] = [
        (above, [], 0, 9, above + table), (above, [], 0, 8, ["head", "a", "b"] + table),
        (above, [], 0, 7, ["head", "a", "b", "names", "1", "…2"]), (above, [], 0, 6, ["head", "a", "b", "names", "1"]),
        (above, [], 0, 5, ["head", "a", "names", "1"]), (above, [], 0, 2, ["head"]), (above, [], 0, 1, ["head"]),
        (above, [], 2, 10, above + table + ["…2"]), (above, [], 2, 9, ["head", "a", "b"] + table + ["…2"]),
        (above, [], 2, 8, ["head", "a", "b", "names", "1", "2", "…3"]),
        (above, [long, ""], 0, 8, ["head", "a", long, "names", "1"]),
        // What is whole takes the rows that it wraps over; without room for them it is cut.
        (above, [long, ""], 0, 13, above + [long, ""] + table),
        (above, [long, ""], 0, 12, ["head", "a", "b", long] + table),
        (above, [long, ""], 0, 9, ["head", "a", long, "names", "1", "…2"]),
        (above, [long, ""], 0, 7, ["head", "a", "wwwwwwwww…", "names", "1", "…2"]),
        (["head"], [], 0, .max, ["head"] + table),
    ]

    @Test(arguments: screens) func fits(above: [String], whole: [String], more: Int, rows: Int, shown: [String]) {
        let room = ScreenRoom(columns: 10, rows: rows)
        let lines = room.fit(above: above, whole: whole, table: Self.table, more: more) { "…\($0)" }
        #expect(lines == shown)
        #expect(lines.map(room.height).reduce(0, +) < max(2, rows))
    }
}
