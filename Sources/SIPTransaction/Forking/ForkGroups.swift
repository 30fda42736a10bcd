/// Order of a serial fork: contacts with a higher q are tried first, those of equal q at once (RFC 3261 §16.6).
package enum ForkGroups {
    /// Group number for each contact, in the order given. `q` is in thousandths; `nil` is 1.0, as RFC 3261 §20.10 leaves
    /// it to the proxy and the registrar treats it.
    package static func numbers(forQ q: [Int?]) -> [UInt8] {
        let values = Set(q.map { $0 ?? 1_000 }).sorted(by: >)
        return q.map { value in
            UInt8(clamping: values.firstIndex(of: value ?? 1_000) ?? 0)
        }
    }
}
