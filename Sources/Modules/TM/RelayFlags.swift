import Bytes
import RouteRuntime

/// The flags of `t_relay()`: by name, or as the number that older scripts use.
struct RelayFlags: OptionSet {
    let rawValue: Int

    /// No automatic 100 Trying.
    static let noTrying = RelayFlags(rawValue: 0x01)
    /// No reply of its own when nothing could be sent.
    static let noAutoReply = RelayFlags(rawValue: 0x02)
    static let noFailover = RelayFlags(rawValue: 0x04)
    /// A CANCEL's Reason is passed on.
    static let passReason = RelayFlags(rawValue: 0x08)
    /// The caller's `no-cancel` is followed: an answered call leaves its other branches ringing (RFC 3841 §9.1).
    static let allowNoCancel = RelayFlags(rawValue: 0x10)

    init(rawValue: Int) { self.rawValue = rawValue }

    /// nil: a word that is no flag.
    init?(_ value: Value) {
        if let number = value.integer {
            self.init(rawValue: number)
            return
        }
        guard let text = value.text, !text.isEmpty else {
            self = []
            return
        }
        if text.hasPrefixIgnoringCase("0x"), let number = text.dropFirst(2).hexadecimal() {
            self.init(rawValue: Int(truncatingIfNeeded: number))
            return
        }
        var flags: RelayFlags = []
        for word in text.split(at: ASCII.comma) {
            switch word.trimmed().string {
            case "no-auto-477": flags.insert(.noAutoReply)
            case "no-dns-failover": flags.insert(.noFailover)
            case "pass-reason-hdr": flags.insert(.passReason)
            case "allow-no-cancel": flags.insert(.allowNoCancel)
            default:
                guard let number = word.trimmed().decimal() else { return nil }
                flags.insert(RelayFlags(rawValue: number))
            }
        }
        self = flags
    }
}

/// What `t_relay()` returns when it fails.
enum RelayCode {
    static let error: Int32 = -1
    static let badMessage: Int32 = -2
    static let noDestination: Int32 = -3
    static let badDestination: Int32 = -4
    static let filtered: Int32 = -5
    static let sendFailed: Int32 = -6
}
