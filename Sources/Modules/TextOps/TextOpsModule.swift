import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import Synchronization

/// `textops` at work. Not for the hot path: every call searches text.
///
/// Header functions search the headers as received and leave edits; body functions work on the body as it stands, so
/// that one sees what another changed.
final class TextOpsModule: Sendable {
    /// Patterns kept compiled.
    private static let patternsMax = 512
    /// Places that one search may find in headers or body; one that finds more changes nothing.
    private static let findsMax = 4096

    private struct PatternKey: Hashable {
        let text: ByteString
        let isMultiline: Bool
    }

    private let patterns = Mutex<[PatternKey: RegularExpression]>([:])
    private let substitutions = Mutex<[ByteString: Substitution]>([:])

    var binding: ModuleBinding {
        ModuleBinding(
            "textops",
            functions: [
                "search": { [self] call in
                    Outcome(pattern(call, multiline: true)?.matches(call.context.message.wholeText) ?? false)
                },
                "search_body": { [self] call in
                    Outcome(pattern(call, multiline: true)?.matches(call.context.currentBody) ?? false)
                },
                "search_append": { [self] call in edit(call, parts: .all, replacing: false, isGlobal: false) },
                "search_append_body": { [self] call in edit(call, parts: .body, replacing: false, isGlobal: false) },
                "replace": { [self] call in edit(call, parts: .all, replacing: true, isGlobal: false) },
                "replace_body": { [self] call in edit(call, parts: .body, replacing: true, isGlobal: false) },
                "replace_all": { [self] call in edit(call, parts: .all, replacing: true, isGlobal: true) },
                "replace_body_all": { [self] call in edit(call, parts: .body, replacing: true, isGlobal: true) },
                "replace_body_atonce": { [self] call in
                    edit(call, parts: .body, replacing: true, isGlobal: true, multiline: false)
                },
                "subst": { [self] call in substitute(call, parts: .all) },
                "subst_body": { [self] call in substitute(call, parts: .body) },
                "subst_uri": { [self] call in
                    guard let uri = substituted(call.context.requestURI, call), SIPURI(uri) != nil else { return .no }
                    call.context.requestURI = uri
                    return .yes
                },
                "subst_user": { [self] call in substituteUser(call) },
            ])
    }

    private enum Parts { case all, body }

    /// A place that a search found, and what comes there.
    private typealias Find = (range: Range<Int>, text: ByteString)

    // MARK: Patterns

    private func pattern(_ call: borrowing Call, multiline: Bool) -> RegularExpression? {
        guard let text = call.string(0) else { return nil }
        let key = PatternKey(text: text, isMultiline: multiline)
        if let known = patterns.withLock({ $0[key] }) { return known }
        guard let expression = RegularExpression(text, multiline: multiline) else {
            call.log(.error, "\(call.name): \"\(text)\" is not a regular expression")
            return nil
        }
        patterns.withLock { patterns in
            if patterns.count >= Self.patternsMax { patterns.removeAll(keepingCapacity: true) }
            patterns[PatternKey(text: text.compacted(), isMultiline: multiline)] = expression
        }
        return expression
    }

    private func substitution(_ call: borrowing Call) -> Substitution? {
        guard let text = call.string(0) else { return nil }
        if let known = substitutions.withLock({ $0[text] }) { return known }
        guard let substitution = Substitution(text) else {
            call.log(.error, "\(call.name): \"\(text)\" is not of the form /pattern/replacement/flags")
            return nil
        }
        substitutions.withLock { substitutions in
            if substitutions.count >= Self.patternsMax { substitutions.removeAll(keepingCapacity: true) }
            substitutions[text.compacted()] = substitution
        }
        return substitution
    }

    // MARK: Edits

    private func edit(
        _ call: borrowing Call, parts: Parts, replacing: Bool, isGlobal: Bool, multiline: Bool = true
    ) -> Outcome {
        guard let pattern = pattern(call, multiline: multiline) else { return .no }
        let text = call.string(1) ?? .empty
        let find: (ByteString) -> [Find] = { subject in
            var found: [Find] = []
            var start = 0
            while start <= subject.count, found.count <= Self.findsMax,
                let whole = pattern.firstMatch(in: subject, from: start)?[0]
            {
                found.append((replacing ? whole : whole.upperBound..<whole.upperBound, text))
                guard isGlobal else { break }
                start = whole.isEmpty ? whole.upperBound + 1 : whole.upperBound
            }
            return found
        }
        return Outcome(apply(call, parts, isGlobal: isGlobal, find))
    }

    private func substitute(_ call: borrowing Call, parts: Parts) -> Outcome {
        guard let substitution = substitution(call) else { return .no }
        let uri = call.context.requestURI
        return Outcome(
            apply(call, parts, isGlobal: substitution.isGlobal) { subject in
                substitution.replacements(in: subject, uri: uri, countMax: Self.findsMax + 1)
            })
    }

    /// `text` with the call's substitution made; nil when there is nothing to replace, or too much.
    private func substituted(_ text: ByteString, _ call: borrowing Call) -> ByteString? {
        guard let substitution = substitution(call) else { return nil }
        let finds = substitution.replacements(
            in: text, uri: call.context.requestURI, countMax: Self.findsMax + 1)
        return finds.isEmpty || !isWithinBounds(finds, call) ? nil : text.replacing(finds)
    }

    /// Whether there are not too many; else it is told.
    private func isWithinBounds(_ finds: [Find], _ call: borrowing Call) -> Bool {
        if finds.count <= Self.findsMax { return true }
        call.log(.error, "\(call.name): more than \(Self.findsMax) places; none is changed")
        return false
    }

    /// Looks in the headers first, then in the body; a search that is not global ends with its first find. One that finds more
    /// than it may, or more in the headers than a message may be edited, changes nothing at all, and is false.
    private func apply(
        _ call: borrowing Call, _ parts: Parts, isGlobal: Bool, _ find: (ByteString) -> [Find]
    ) -> Bool {
        let context = call.context
        let message = context.message
        let start = message.startLine.line.end
        var finds: [Find] = []
        if parts == .all {
            let found = find(message.text(ByteRange(start, message.headersEnd)))
            guard isWithinBounds(found, call) else { return false }
            finds = Self.joined(found)
            guard context.edits.hasRoom(for: finds.count) else {
                let most = MessageEdits.countMax
                call.log(
                    .error,
                    "\(call.name): \(finds.count) places, of \(most) edits that a message may have; none is changed")
                return false
            }
        }
        var bodyFinds: [Find] = []
        let body = context.currentBody
        if !body.isEmpty, isGlobal || finds.isEmpty {
            bodyFinds = find(body)
            guard isWithinBounds(bodyFinds, call) else { return false }
        }
        for (range, text) in finds {
            context.edits.replace(ByteRange(start + range.lowerBound, start + range.upperBound), with: text)
        }
        if !bodyFinds.isEmpty { context.setBody(body.replacing(bodyFinds)) }
        return !finds.isEmpty || !bodyFinds.isEmpty
    }

    /// With finds that touch made one. What stands between others is no part of an edit: the server may change it.
    private static func joined(_ finds: [Find]) -> [Find] {
        guard finds.count > 1 else { return finds }
        var joined: [Find] = []
        var pending: [ByteString] = []
        func close() {
            guard pending.count > 1, let last = joined.indices.last else { return pending.removeAll() }
            var writer = ByteWriter(reserving: pending.reduce(0) { $0 + $1.count })
            for text in pending { writer.append(text) }
            joined[last].text = writer.finishText()
            pending.removeAll()
        }
        for find in finds {
            if let last = joined.indices.last, joined[last].range.upperBound == find.range.lowerBound {
                joined[last].range = joined[last].range.lowerBound..<find.range.upperBound
            } else {
                close()
                joined.append(find)
            }
            pending.append(find.text)
        }
        close()
        return joined
    }

    private func substituteUser(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard let uri = SIPURI(context.requestURI), let user = substituted(uri.user, call) else { return .no }
        let text = uri.text
        let changed: ByteString
        if uri.hasUser {
            let lower = Int(uri.userRange.lower - uri.range.lower)
            changed = text.replacing([(lower..<(lower + uri.user.count), user)])
        } else {
            let host = Int(uri.hostRange.lower - uri.range.lower)
            changed = text.replacing([(host..<host, user + "@")])
        }
        guard SIPURI(changed) != nil else { return .no }
        context.requestURI = changed
        return .yes
    }
}
