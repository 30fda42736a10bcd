import Bytes
package import JSONRPC

/// A management result as lines for a person: lists of objects as tables, objects as aligned pairs. What strangers wrote
/// into it (a User-Agent, a Call-ID) does nothing to a terminal.
package enum ManagementText {
    package static func lines(_ result: JSONValue) -> [String] {
        switch result {
        case .object(let object): lines(object)
        case .array(let values): lines(values)
        case .string(let text):
            text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
                .map { TerminalText.safe(String($0)) }
        default: [result.description]
        }
    }

    private static func lines(_ object: JSONObject) -> [String] {
        guard !object.isEmpty else { return ["(nothing)"] }
        let keys = object.members.map { TerminalText.safe($0.key) }
        let width = keys.map(\.count).max() ?? 0
        var lines: [String] = []
        for (key, member) in zip(keys, object.members) {
            switch member.value {
            case .array, .object:
                let inner = Self.lines(member.value)
                if object.count == 1 { return inner }
                lines.append(key + ":")
                lines += inner.map { "  " + $0 }
            default: lines.append(padded(key + ":", width + 1) + " " + cell(member.value))
            }
        }
        return lines
    }

    private static func lines(_ values: [JSONValue]) -> [String] {
        guard !values.isEmpty else { return ["(none)"] }
        let objects = values.compactMap(\.objectValue)
        guard objects.count == values.count else { return values.flatMap(Self.lines) }
        guard objects.allSatisfy(isFlat) else {
            return objects.enumerated().flatMap { index, object in (index == 0 ? [] : [""]) + lines(object) }
        }
        return table(objects)
    }

    private static func isFlat(_ object: JSONObject) -> Bool {
        object.members.allSatisfy { member in
            switch member.value {
            case .array, .object: false
            default: true
            }
        }
    }

    /// A column for each key; numbers are set to the right.
    private static func table(_ objects: [JSONObject]) -> [String] {
        var keys: [String] = []
        for key in objects.flatMap(\.members).map(\.key) where !keys.contains(key) { keys.append(key) }
        var lines = [String](repeating: "", count: objects.count + 1)
        for (position, key) in keys.enumerated() {
            let values = objects.map { $0[key] }
            let cells = [TerminalText.safe(key)] + values.map { $0.map(cell) ?? "" }
            let width = cells.map(\.count).max() ?? 0
            let isNumber = values.allSatisfy { $0?.doubleValue != nil }
            for (row, cell) in cells.enumerated() {
                if position > 0 { lines[row] += "  " }
                lines[row] += isNumber ? String(repeating: " ", count: width - cell.count) + cell : padded(cell, width)
            }
        }
        return lines.map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func cell(_ value: JSONValue) -> String {
        TerminalText.safe(value.stringValue ?? value.description)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
