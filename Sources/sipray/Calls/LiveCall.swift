import JSONRPC

/// A call that a server has now: a dialog that it follows, or a back-to-back session of its own.
struct LiveCall {
    /// How far it is; in the order of a call's life.
    enum State: Int {
        case calling, ringing, answered, talking, ended

        var word: String { "\(self)" }
    }

    let state: State
    /// Of a dialog since the answer, and while it rings since the INVITE, as of a session; nil where the server does not tell.
    let ageSeconds: Int?
    let caller: String
    let callee: String
    let callID: String
    /// What ends it by management: the dialog's id, or the session's key.
    let id: String
    let isBackToBack: Bool

    /// Of an element of `dialog:list`. `now` is the server's clock in seconds since 1970.
    init?(dialog value: JSONValue, now: Int) {
        guard let id = value["ID"]?.stringValue, let number = value["state"]?.integerValue,
            let state = State(rawValue: number - 1)
        else { return nil }
        self.id = id
        self.state = state
        let start = value["timestart"]?.integerValue ?? 0
        ageSeconds = start > 0 ? max(0, now - start) : value["age"]?.integerValue
        caller = LiveCall.text(value["from_uri"])
        callee = LiveCall.text(value["to_uri"])
        callID = LiveCall.text(value["callid"])
        isBackToBack = false
    }

    /// Of an element of the `Tuples` of `b2b_logic:list`.
    init?(session value: JSONValue) {
        guard let key = value["key"]?.stringValue, let entities = value["BRIDGE_ENTITIES"]?.arrayValue else {
            return nil
        }
        id = key
        state =
            switch value["phase"]?.stringValue {
            case "established", "bridging", nil: .talking  // the peer does not tell
            case "ended": .ended
            default: entities.contains { $0["dialog"]?.stringValue == "early" } ? .ringing : .calling
            }
        ageSeconds = value["age"]?.integerValue
        let first = entities.first
        caller = LiveCall.text(first?["from_uri"])
        callee = LiveCall.text(first?["to_uri"])
        callID = LiveCall.text(first?["callid"])
        isBackToBack = true
    }

    /// Whether an operator who looks for `text` means this call: it stands in it somewhere, or, as a column that was cut shows
    /// it, at the beginning.
    func matches(_ text: String) -> Bool {
        let words = [caller, callee, callID, id]
        guard text.last == "…" else { return words.contains { $0.contains(text) } }
        let shown = text.dropLast()
        // A name is shown without what stands before it in its address.
        return callID.hasPrefix(shown) || id.hasPrefix(shown) || words.prefix(2).contains { $0.contains(shown) }
    }

    private static func text(_ value: JSONValue?) -> String { value?.stringValue ?? "" }
}
