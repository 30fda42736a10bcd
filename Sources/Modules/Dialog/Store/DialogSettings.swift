import Bytes
import RouteRuntime

/// The parameters of `dialog`, and its limits.
struct DialogSettings: Sendable {
    /// Callees that one forked INVITE may bring; what further ones say is relayed, but they are not known. The first that answers
    /// with a 2xx is, even if it is the thirteenth.
    static let legsMax = 12
    /// Dialogs of one Call-ID, those included that are over: a request may pass this server that often (Max-Forwards is 70), and
    /// to be found they are walked through.
    static let ofCallIDMax = 100
    /// Variables of one dialog (`$dlg_val`).
    static let variablesMax = 256
    /// Memberships of one dialog in profiles.
    static let profilesMax = 64
    /// Dialogs that one tick of a timer sees to; the others follow in the next.
    static let dueMax = 2_000

    /// How long the ACK of a 2xx is waited for before a call ends that is to, or a side is invited again: as long as who
    /// answered repeats its 2xx (RFC 3261 §13.3.1.4).
    static let ackMilliseconds = 32_000

    let chainsCount: Int
    let dialogsMax: Int
    let routeParameter: ByteString
    let defaultTimeoutSeconds: Int
    let deleteDelaySeconds: Int
    /// How long a dialog that is over is kept at least, for requests that come again: `wt_timer` of tm.
    let lingerMilliseconds: Int
    let optionsPingMilliseconds: Int
    let reinvitePingMilliseconds: Int
    let raceSeconds: Int
    let extraHeaders: ByteString
    let matching: DialogMatching
    let hangsUpOnPrackFailure: Bool
    /// How long a PRACK of ours waits for its answer.
    let prackMilliseconds: UInt32

    init(_ parameters: ModuleParameters) throws(ModuleError) {
        func positive(_ name: String, _ fallback: Int) throws(ModuleError) -> Int {
            let value = parameters.integer("dialog", name) ?? fallback
            guard (1...1_000_000_000).contains(value) else {
                throw .value("dialog", name, ByteString(decimal: value))
            }
            return value
        }
        func seconds(_ name: String, _ fallback: Int) -> Int {
            min(max(0, parameters.integer("dialog", name) ?? fallback), 1_000_000_000)
        }
        chainsCount = try positive("hash_size", 4096)
        guard chainsCount & (chainsCount - 1) == 0, chainsCount <= 1 << 20 else {
            throw ModuleError("dialog", "hash_size", nil, "\(chainsCount) is no power of 2 up to 1048576")
        }
        dialogsMax = try positive("dialogs_max", 250_000)
        routeParameter = parameters.text("dialog", "rr_param") ?? "did"
        defaultTimeoutSeconds = try positive("default_timeout", 43_200)
        deleteDelaySeconds = seconds("delete_delay", 0)
        let wait = parameters.integer("tm", "wt_timer") ?? 0
        lingerMilliseconds = 1000 * (wait > 0 ? min(wait, 3600) : 5)
        optionsPingMilliseconds = 1000 * (try positive("options_ping_interval", 30))
        reinvitePingMilliseconds = 1000 * (try positive("reinvite_ping_interval", 300))
        raceSeconds = seconds("race_condition_timeout", 5)
        extraHeaders = parameters.text("dialog", "dlg_extra_hdrs")?.asHeaderLines ?? .empty
        let mode = parameters.integer("dialog", "dlg_match_mode") ?? 1
        guard let matching = DialogMatching(rawValue: mode) else {
            throw .value("dialog", "dlg_match_mode", ByteString(decimal: mode))
        }
        self.matching = matching
        hangsUpOnPrackFailure = parameters.isOn("dialog", "auto_prack_hangup_on_failure")
        prackMilliseconds = 1000 * UInt32(min(try positive("auto_prack_fr_timeout", 3), 1_000_000))
        guard (parameters.integer("dialog", "db_mode") ?? 0) == 0 else {
            throw ModuleError("dialog", "db_mode", nil, "there is no database; dialogs live in memory: use 0")
        }
    }
}

/// How requests of a dialog are found (`dlg_match_mode`).
enum DialogMatching: Int, Sendable {
    /// By the id in Route only.
    case identifier = 0
    /// By the id, and where there is none by Call-ID and tags.
    case identifierThenTags = 1
    /// By Call-ID and tags only; no id is put into Record-Route.
    case tags = 2

    init?(_ word: ByteString) {
        switch word.string.uppercased() {
        case "DID_ONLY": self = .identifier
        case "DID_FALLBACK": self = .identifierThenTags
        case "DID_NONE": self = .tags
        default: return nil
        }
    }
}

/// What `create_dialog()` was asked for.
package struct DialogOptions: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    static let byeOnTimeout = DialogOptions(rawValue: 1)
    static let optionsPingCaller = DialogOptions(rawValue: 2)
    static let optionsPingCallee = DialogOptions(rawValue: 4)
    static let reinvitePingCaller = DialogOptions(rawValue: 8)
    static let reinvitePingCallee = DialogOptions(rawValue: 16)
    static let endOnRace = DialogOptions(rawValue: 32)
    static let autoPrack = DialogOptions(rawValue: 64)

    static let optionsPing: DialogOptions = [.optionsPingCaller, .optionsPingCallee]
    static let reinvitePing: DialogOptions = [.reinvitePingCaller, .reinvitePingCallee]

    /// The words, with commas between them, or the letters of older scripts; nil: a word that is none.
    init?(_ text: ByteString) {
        var options: DialogOptions = []
        for word in text.split(at: ASCII.comma).map({ $0.trimmed() }) where !word.isEmpty {
            switch word.string.lowercased() {
            case "bye-on-timeout": options.insert(.byeOnTimeout)
            case "options-ping-caller": options.insert(.optionsPingCaller)
            case "options-ping-callee": options.insert(.optionsPingCallee)
            case "reinvite-ping-caller": options.insert(.reinvitePingCaller)
            case "reinvite-ping-callee": options.insert(.reinvitePingCallee)
            case "end-on-race-condition": options.insert(.endOnRace)
            case "auto-prack": options.insert(.autoPrack)
            default:
                guard let letters = DialogOptions(letters: word) else { return nil }
                options.formUnion(letters)
            }
        }
        self = options.settled
    }

    /// A re-INVITE ping says all that an OPTIONS ping does.
    private var settled: DialogOptions {
        var options = self
        if options.contains(.reinvitePingCaller) { options.remove(.optionsPingCaller) }
        if options.contains(.reinvitePingCallee) { options.remove(.optionsPingCallee) }
        return options
    }

    func adding(_ others: DialogOptions) -> DialogOptions { union(others).settled }

    private init?(letters: ByteString) {
        self = []
        for letter in letters.elements {
            switch letter {
            case UInt8(ascii: "B"): insert(.byeOnTimeout)
            case UInt8(ascii: "P"): insert(.optionsPingCaller)
            case UInt8(ascii: "p"): insert(.optionsPingCallee)
            case UInt8(ascii: "R"): insert(.reinvitePingCaller)
            case UInt8(ascii: "r"): insert(.reinvitePingCallee)
            case UInt8(ascii: "E"): insert(.endOnRace)
            default: return nil
            }
        }
    }
}

extension ByteString {
    /// Lines for a message: each ends with CRLF, empty ones are left out.
    var asHeaderLines: ByteString {
        var writer = ByteWriter(reserving: count + 2)
        for line in split(at: ASCII.lineFeed).map({ $0.trimmed() }) where !line.isEmpty {
            writer.append(line)
            writer.append("\r\n")
        }
        return writer.finishText()
    }
}
