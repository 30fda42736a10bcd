import ProfileAnalysis

/// Chooses which sessions the demo draws: the first of each thing that is worth seeing, with a word about it, and a few besides.
struct DemoGuide {
    private struct Sight {
        /// What a drawn session has when it shows it: all of these texts.
        let marks: [String]
        let caption: String
    }

    /// The first that fits counts: what is told apart by more stands before what it would fit as well.
    private static let sights = [
        Sight(
            marks: ["async_script", "⎡rest_get"],
            caption: "The directory has answered: the script goes on where it was, in the same process"),
        Sight(
            marks: ["create_dialog", "⎡lookup"],
            caption: "A call comes in: its dialog is made, the callee looked up, the INVITE relayed"),
        Sight(
            marks: ["⎡back_to_back"],
            caption: "A back-to-back call: the server is the callee here, and calls the other side itself"),
        Sight(
            marks: ["⎡rest_get"],
            caption: "A ported number: the script asks the slow directory and is put aside; the process is free"),
        Sight(
            marks: ["[failure]"],
            caption: "Busy: the failure route sends the call to the mailbox"),
    ]

    /// Sessions drawn besides: a few at once, then so many a second, a reader's pace.
    private static let besidesFirst = 4
    private static let besidesASecond = 1.0

    private let style: TextStyle
    private var seen: Set<Int> = []
    private var besides = 0

    init(style: TextStyle) { self.style = style }

    /// The lines to print for a session that has ended, so many seconds after the beginning: none when it is one too many.
    mutating func choose(_ lines: [String], seconds: Double) -> [String] {
        let matching = Self.sights.indices.first { index in
            Self.sights[index].marks.allSatisfy { mark in lines.contains { $0.contains(mark) } }
        }
        if let matching, seen.insert(matching).inserted {
            return [style.bold("▸ " + Self.sights[matching].caption)] + lines
        }
        guard besides < Self.besidesFirst + Int(seconds * Self.besidesASecond) else { return [] }
        besides += 1
        return lines
    }
}
