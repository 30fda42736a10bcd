import Bytes
import SIPMessage

/// Finds the binding that a Contact means.
struct ContactMatcher {
    let matching: ContactMatching

    /// Index of the binding of `bindings` that `uri`, registered with `callID`, means; nil when there is none.
    /// Bindings that ended before `now` no longer count.
    func index(of uri: ByteString, callID: ByteString, in bindings: [Binding], now: Int) -> Int? {
        switch matching {
        case .contact:
            return index(in: bindings, now: now) { contactMatches($0, uri) }
        case .contactAndCallID:
            return index(in: bindings, now: now) { $0.callID == callID && contactMatches($0, uri) }
        case .parameter(let name):
            guard let value = parameter(name, of: uri) else {
                return index(in: bindings, now: now) { contactMatches($0, uri) }
            }
            return index(in: bindings, now: now) { parameter(name, of: $0.contact) == value }
        }
    }

    private func index(in bindings: [Binding], now: Int, where matches: (Binding) -> Bool) -> Int? {
        bindings.firstIndex { $0.isValid(at: now) && matches($0) }
    }

    private func contactMatches(_ binding: Binding, _ uri: ByteString) -> Bool {
        ContactIdentity.isSame(binding.contact, uri)
    }

    private func parameter(_ name: ByteString, of uri: ByteString) -> ByteString? {
        SIPURI(uri)?.parameters.value(name)
    }
}
