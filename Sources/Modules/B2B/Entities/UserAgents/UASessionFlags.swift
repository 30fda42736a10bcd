import Bytes

/// What `flags` of `ua_session_server_init()` and `ua_session_client_start` ask for.
struct UASessionFlags: Sendable {
    /// `t[nn]`
    var lifeSeconds: Int?
    /// `a`
    var reportsAcks = false
    /// `r`
    var reportsReplies = false
    /// `d`: the controller sends the ACK of a 2xx itself.
    var leavesAcks = false
    /// `h`
    var showsHeaders = false
    /// `b`
    var showsBodies = false
    /// `n`
    var isNewSilent = false

    /// nil: a character is no flag, or a time is missing or too long.
    init?(_ text: ByteString) {
        var index = 0
        while index < text.count {
            let character = text[index]
            index += 1
            switch character {
            case UInt8(ascii: "a"): reportsAcks = true
            case UInt8(ascii: "r"): reportsReplies = true
            case UInt8(ascii: "d"): leavesAcks = true
            case UInt8(ascii: "h"): showsHeaders = true
            case UInt8(ascii: "b"): showsBodies = true
            case UInt8(ascii: "n"): isNewSilent = true
            case UInt8(ascii: "t"):
                var end = index
                while end < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[end]) { end += 1 }
                guard let seconds = text[index..<end].decimal(), (1...Int(Int32.max)).contains(seconds) else {
                    return nil
                }
                lifeSeconds = seconds
                index = end
            default: return nil
            }
        }
    }
}
