/// What the constant text of an argument or of a module parameter may say: words, or the letters of older scripts.
///
/// Texts with variables are known only when the script runs; the function itself judges those.
package struct ConstantRule: Hashable, Sendable {
    package var words: Set<String>
    /// Words that the peer knows and SIPRay does not, each with what happens instead: a warning.
    package var missing: [String: String] = [:]
    /// Known words that mean nothing without a certain module.
    package var needed: [String: String] = [:]
    /// Between words; nil when the whole text is one word.
    package var separator: Character?
    /// One-letter flags that a text without separators may be made of, each with an optional number behind it.
    package var letters: Set<Character> = []
    package var takesNumbers = false
    /// Whether an unknown word refuses the script. Otherwise it is only doubted, and only when a known one is close.
    package var isStrict = true
    /// Said of a word that is not known and not close to one.
    package var otherwise: String?

    package init(_ words: Set<String>, separator: Character? = nil) {
        self.words = words
        self.separator = separator
    }

    package enum Verdict: Hashable {
        case unknown(String, hint: String)
        case doubtful(String, hint: String)
        case missing(String, String)
        case needing(String, module: String)
    }

    /// What there is to say of `text`, in its order.
    package func verdicts(_ text: String) -> [Verdict] {
        let parts = (separator.map { text.split(separator: $0).map { $0.trimmingSpaces() } } ?? [text])
            .filter { !$0.isEmpty }
        var verdicts: [Verdict] = []
        for part in parts {
            let word = String(part.prefix { $0 != "=" }).trimmingSpaces().lowercased()
            if let module = needed[word] { verdicts.append(.needing(word, module: module)) }
            if words.contains(word) || takesNumbers && Self.isNumber(word) { continue }
            if let reason = missing[word] {
                verdicts.append(.missing(word, reason))
                continue
            }
            if parts.count == 1, !letters.isEmpty, isOfLetters(part) { continue }
            let close = Suggestions.closest(to: word, in: words.sorted())
            if !isStrict {
                if let close { verdicts.append(.doubtful(part, hint: "did you mean `\(close)`?")) }
                continue
            }
            let all = words.union(missing.keys).sorted().joined(separator: ", ")
            verdicts.append(
                .unknown(part, hint: close.map { "did you mean `\($0)`?" } ?? otherwise ?? "it is one of \(all)"))
        }
        return verdicts
    }

    private static func isNumber(_ word: String) -> Bool {
        word.hasPrefix("0x") ? Int(word.dropFirst(2), radix: 16) != nil : Int(word) != nil
    }

    /// `c5f`, `u/pattern/i`, `M<name>r`
    private func isOfLetters(_ text: String) -> Bool {
        var rest = text[...]
        while let letter = rest.popFirst() {
            guard letters.contains(letter) else { return false }
            if letter == "u", rest.first == "/", let end = rest.lastIndex(of: "/") {
                rest = rest[rest.index(after: end)...]
            } else if rest.first == "<", let end = rest.firstIndex(of: ">") {
                rest = rest[rest.index(after: end)...]
            } else {
                rest = rest.drop { $0.isNumber }
            }
        }
        return true
    }
}

extension StringProtocol {
    fileprivate func trimmingSpaces() -> String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

extension Checker {
    /// Judges a constant text by the rule of its place. `place` completes "… is no word of".
    mutating func check(_ text: [UInt8], _ rule: ConstantRule, _ place: String, at location: SourceLocation) {
        for verdict in rule.verdicts(String(decoding: text, as: UTF8.self)) {
            switch verdict {
            case .unknown(let word, let hint):
                diagnostics.error(
                    "unknown-word", at: location, "`\(word)` is nothing that \(place) can be", hint: hint)
            case .doubtful(let word, let hint):
                diagnostics.warn(
                    "doubtful-word", at: location, "`\(word)` is nothing that \(place) usually is", hint: hint)
            case .needing(let word, let module):
                guard !visible.contains(where: { $0.name == module }) else { continue }
                diagnostics.error(
                    "word-needs-module", at: location, "`\(word)` of \(place) needs the module `\(module)`",
                    hint: "write `loadmodule \"\(module).so\"`")
            case .missing(let word, let reason):
                diagnostics.warn("missing-word", at: location, "SIPRay does not have `\(word)` here: \(reason)")
            }
        }
    }
}
