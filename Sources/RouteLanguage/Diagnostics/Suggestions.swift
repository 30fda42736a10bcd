/// "Did you mean": the known word that is closest to an unknown one.
enum Suggestions {
    /// The closest of `candidates`, nil when none is close enough. Ties go to the first.
    static func closest(to word: String, in candidates: some Sequence<String>) -> String? {
        let target = Array(word.lowercased().utf8)
        guard target.count >= 2, target.count <= 64 else { return nil }
        let allowed = target.count <= 4 ? 1 : target.count <= 8 ? 2 : 3
        var best: (distance: Int, word: String)?
        for candidate in candidates {
            let bytes = Array(candidate.lowercased().utf8)
            guard abs(bytes.count - target.count) <= allowed else { continue }
            // Words that begin alike belong together: `fr_timer` and `fr_timeout`.
            let shared = zip(target, bytes).prefix { $0 == $1 }.count
            let distance = distance(target, bytes) - (shared * 2 > target.count && shared >= 4 ? 1 : 0)
            if distance <= allowed, distance < best?.distance ?? Int.max { best = (distance, candidate) }
        }
        return best?.word
    }

    /// Edits that turn one word into the other: insert, delete, replace, swap of neighbours.
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
