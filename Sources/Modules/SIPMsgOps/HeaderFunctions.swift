import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// Functions about the method and about whole header fields.
enum HeaderFunctions {
    static func all(now: @escaping @Sendable () -> Int) -> [String: HostFunction] {
        [
            "is_method": { call in Outcome(isMethod(call)) },
            "has_totag": { call in Outcome(call.context.message.toTag != nil) },
            "append_to_reply": { call in
                guard let text = call.string(0), !text.isEmpty else { return .no }
                call.context.updateState(ReplyAdditions()) { $0.lines = $0.lines + text.asLine }
                return .yes
            },
            "append_body_to_reply": { call in
                guard let text = call.string(0) else { return .no }
                call.context.updateState(ReplyAdditions()) { $0.body = text }
                return .yes
            },
            "append_time": { call in
                let date = "Date: " + HTTPDate.text(now()).byteString + "\r\n"
                call.context.updateState(ReplyAdditions()) { $0.lines = $0.lines + date }
                return .yes
            },
            "append_hf": { call in append(call) },
            "insert_hf": { call in insert(call) },
            "append_urihf": { call in
                let context = call.context
                guard let prefix = call.string(0), let suffix = call.string(1), context.message.isRequest else {
                    return .no
                }
                let line = prefix + context.message.requestURI + suffix
                return Outcome(context.edits.append(line: line.asLine, to: context.message))
            },
            "is_present_hf": { call in
                Outcome(call.string(0).map { call.context.message.first(named: $0) != nil } ?? false)
            },
            "remove_hf": { call in
                guard let name = call.string(0) else { return .no }
                return Outcome(remove(call.context.message.all(named: name), in: call.context))
            },
            "remove_hf_re": { call in
                guard let pattern = call.regularExpression(0) else { return .no }
                return Outcome(remove(in: call.context) { pattern.matches($0) })
            },
            "remove_hf_glob": { call in
                guard let glob = call.string(0) else { return .no }
                return Outcome(remove(in: call.context) { Glob.matches($0, pattern: glob) })
            },
            "get_glob_headers_values": { call in globValues(call) },
            "is_privacy": { call in
                guard let kind = call.string(0) else { return .no }
                let message = call.context.message
                for field in message.all(.privacy) {
                    let values = message.value(of: field).split(at: ASCII.semicolon)
                    if values.contains(where: { $0.trimmed().equalsIgnoringCase(kind) }) { return .yes }
                }
                return .no
            },
            "change_reply_status": { call in
                let context = call.context
                guard let code = call.integer(0), let reason = call.string(1), (100...699).contains(code),
                    !context.message.isRequest
                else { return .no }
                guard (code < 200) == (context.message.statusCode < 200) else {
                    call.log(.error, "change_reply_status: a final reply stays final, a provisional one provisional")
                    return .no
                }
                return Outcome(context.edits.replaceStatus(of: context.message, code: code, reason: reason))
            },
        ]
    }

    /// Whether the method is one of those between the bars. Of a reply it is the one in CSeq.
    private static func isMethod(_ call: borrowing Call) -> Bool {
        guard case .string(let names) = call.value(0) else { return false }
        let method = call.context.message.methodText
        var start = 0
        while start <= names.count {
            let end = names.first(of: UInt8(ascii: "|"), from: start) ?? names.count
            if end - start == method.count, names.slice(start..<end).equalsIgnoringCase(method) { return true }
            start = end + 1
        }
        return false
    }

    private static func append(_ call: borrowing Call) -> Outcome {
        guard let text = call.string(0), !text.isEmpty else { return .no }
        let context = call.context
        if let anchor = call.string(1).flatMap({ context.message.first(named: $0) }) {
            return Outcome(context.edits.insert(line: text.asLine, after: anchor))
        }
        return Outcome(context.edits.append(line: text.asLine, to: context.message))
    }

    private static func insert(_ call: borrowing Call) -> Outcome {
        guard let text = call.string(0), !text.isEmpty else { return .no }
        let context = call.context
        if let anchor = call.string(1).flatMap({ context.message.first(named: $0) }) {
            return Outcome(context.edits.insert(line: text.asLine, before: anchor))
        }
        return Outcome(context.edits.prepend(line: text.asLine, to: context.message))
    }

    private static func remove(in context: MessageContext, where matches: (ByteString) -> Bool) -> Bool {
        remove(context.message.headers.filter { matches(context.message.text($0.name)) }, in: context)
    }

    private static func remove(_ fields: [HeaderField], in context: MessageContext) -> Bool {
        for field in fields { context.edits.remove(field) }
        return !fields.isEmpty
    }

    private static func globValues(_ call: borrowing Call) -> Outcome {
        guard let glob = call.string(0) else { return .no }
        let message = call.context.message
        let fields = message.headers.filter { Glob.matches(message.text($0.name), pattern: glob) }
        guard !fields.isEmpty else { return .no }
        // AVPs are stacks: pushed last first, the first header comes out as index 0.
        for field in fields.reversed() {
            call.assign(1, .string(message.text(field.name)))
            call.assign(2, .string(message.unfoldedValue(of: field)))
        }
        return .yes
    }
}

extension ByteString {
    /// With a line end, so that a header of the script's cannot run into the next one.
    var asLine: ByteString {
        if hasSuffix("\r\n") { return self }
        return (last == ASCII.lineFeed ? dropLast(1) : self) + "\r\n"
    }
}

/// Shell patterns over header names: `*`, `?`, without case.
enum Glob {
    static func matches(_ text: ByteString, pattern: ByteString) -> Bool {
        var (t, p) = (0, 0)
        var (star, mark) = (-1, 0)
        while t < text.count {
            if p < pattern.count, pattern[p] == ASCII.asterisk {
                (star, mark) = (p, t)
                p += 1
            } else if p < pattern.count,
                pattern[p] == ASCII.question || ASCII.lowercased(pattern[p]) == ASCII.lowercased(text[t])
            {
                p += 1
                t += 1
            } else if star >= 0 {
                p = star + 1
                mark += 1
                t = mark
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == ASCII.asterisk { p += 1 }
        return p == pattern.count
    }
}

/// The date of RFC 3261 §20.17: `Sat, 13 Nov 2010 23:29:00 GMT`.
enum HTTPDate {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `seconds` since 1970.
    static func text(_ seconds: Int) -> String {
        let time = CivilTime(localSeconds: seconds)
        let date = CivilTime.date(time.day)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(weekdays[CivilTime.weekday(time.day)]), \(two(date.mday)) \(months[date.month - 1]) \(date.year) "
            + "\(two(time.second / 3600)):\(two(time.second / 60 % 60)):\(two(time.second % 60)) GMT"
    }
}
