import Bytes
import SIPMessage
import SIPTransaction
import Testing

/// RFC 3261 §17.2.3 as a table: a stored request, one that comes in, what it is looked up for, and whether they match.
@Suite struct MatchKeyTests {
    struct Fields {
        var method = Method.invite
        var methodText: ByteString = "INVITE"
        var branch: ByteString = "z9hG4bKa"
        var host: ByteString = "10.0.0.1"
        var port = 5060
        var requestURI: ByteString = "sip:bob@example.net"
        var callID: ByteString = "c1"
        var fromTag: ByteString = "f1"
        var toTag: ByteString = ""
        var cseq: UInt32 = 1
        var via: ByteString = "SIP/2.0/UDP 10.0.0.1:5060;branch=1"

        var key: MatchKey {
            MatchKey(
                method: method, methodText: methodText, hasCookie: branch.hasPrefix("z9hG4bK"), branch: branch,
                sentByHost: host, sentByPort: port, requestURI: requestURI, callID: callID, fromTag: fromTag,
                toTag: toTag, cseq: cseq, via: via)
        }

        func with(_ change: (inout Fields) -> Void) -> Fields {
            var copy = self
            change(&copy)
            return copy
        }
    }

    struct Row: CustomTestStringConvertible {
        var name: String
        var stored = Fields()
        var received: Fields
        var purpose = MatchPurpose.same
        var rules = MatchingRules()
        var matches: Bool
        var testDescription: String { name }
    }

    private static let new = Fields()
    private static let old = Fields().with { $0.branch = "1" }
    private static func relaxed(uri: Bool = true, via: Bool = true) -> MatchingRules {
        var rules = MatchingRules()
        rules.comparesRequestURI = uri
        rules.comparesVia = via
        return rules
    }

    private static let modern: [Row] = [
        Row(name: "the same again", received: new, matches: true),
        Row(
            name: "host in another case", stored: new.with { $0.host = "Proxy.Example" },
            received: new.with { $0.host = "proxy.example" }, matches: true),
        Row(name: "another branch", received: new.with { $0.branch = "z9hG4bKb" }, matches: false),
        Row(name: "a branch in another case", received: new.with { $0.branch = "z9hG4bKA" }, matches: false),
        Row(name: "another sender with the same branch", received: new.with { $0.host = "10.0.0.2" }, matches: false),
        Row(name: "another port of the sender", received: new.with { $0.port = 5061 }, matches: false),
        Row(
            name: "the cookie makes all else void",
            received: new.with {
                $0.callID = "c2"
                $0.requestURI = "sip:carol@example.net"
                $0.cseq = 9
            }, matches: true),
        Row(
            name: "another method of the same branch",
            received: new.with {
                $0.method = .bye
                $0.methodText = "BYE"
            }, matches: false),
        Row(
            name: "methods without a name of ours are told by their text",
            stored: new.with {
                $0.method = .other
                $0.methodText = "FOO"
            },
            received: new.with {
                $0.method = .other
                $0.methodText = "BAR"
            }, matches: false),
        Row(name: "ACK to its INVITE", received: new.with { $0.method = .ack }, purpose: .acknowledge, matches: true),
        Row(name: "CANCEL to its INVITE", received: new.with { $0.method = .cancel }, purpose: .cancel, matches: true),
        Row(
            name: "CANCEL to something else than INVITE", stored: new.with { $0.method = .options },
            received: new.with { $0.method = .cancel }, purpose: .cancel, matches: false),
        Row(
            name: "ACK of a 2xx has a branch of its own",
            received: new.with {
                $0.method = .ack
                $0.branch = "z9hG4bKack"
            }, purpose: .acknowledge, matches: false),
        Row(name: "a request of the old kind never matches one of the new", received: old, matches: false),
    ]

    private static let before3261: [Row] = [
        Row(name: "old: the same again", stored: old, received: old, matches: true),
        Row(name: "old: another CSeq", stored: old, received: old.with { $0.cseq = 2 }, matches: false),
        Row(name: "old: another Call-ID", stored: old, received: old.with { $0.callID = "c2" }, matches: false),
        Row(name: "old: another From tag", stored: old, received: old.with { $0.fromTag = "f2" }, matches: false),
        Row(name: "old: another To tag", stored: old, received: old.with { $0.toTag = "t" }, matches: false),
        Row(
            name: "old: another request URI", stored: old, received: old.with { $0.requestURI = "sip:x@example.net" },
            matches: false),
        Row(
            name: "old: another request URI, ruri_matching off", stored: old,
            received: old.with { $0.requestURI = "sip:x@example.net" }, rules: relaxed(uri: false), matches: true),
        Row(
            name: "old: another Via", stored: old,
            received: old.with { $0.via = "SIP/2.0/UDP 10.0.0.9:5060" }, matches: false),
        Row(
            name: "old: another Via, via1_matching off", stored: old,
            received: old.with { $0.via = "SIP/2.0/UDP 10.0.0.9:5060" }, rules: relaxed(via: false), matches: true),
        Row(
            name: "old: the branch does not count", stored: old,
            received: old.with { $0.branch = "2" }, matches: true),
        Row(
            name: "old: ACK bears the To tag of the answer", stored: old,
            received: old.with {
                $0.method = .ack
                $0.toTag = "answer"
            }, purpose: .acknowledge, matches: true),
        Row(
            name: "old: ACK with another CSeq", stored: old,
            received: old.with {
                $0.method = .ack
                $0.cseq = 2
            }, purpose: .acknowledge, matches: false),
        Row(
            name: "old: CANCEL must have the To tag of the INVITE", stored: old,
            received: old.with {
                $0.method = .cancel
                $0.toTag = "answer"
            }, purpose: .cancel, matches: false),
        Row(
            name: "old: CANCEL", stored: old, received: old.with { $0.method = .cancel }, purpose: .cancel,
            matches: true),
    ]

    @Test(arguments: modern + before3261)
    func matches(row: Row) {
        let stored = row.stored.key
        let received = row.received.key
        #expect(stored.matches(received, as: row.purpose, row.rules) == row.matches)
        // The table looks in one chain only: what matches must have one hash.
        if row.matches { #expect(stored.hash == received.hash) }
    }

    @Test func nothingMatchesTheKeyOfATransactionThatIsOver() {
        #expect(!MatchKey.none.matches(Self.new.key, as: .same, MatchingRules()))
        #expect(!MatchKey.none.matches(Self.new.key, as: .cancel, MatchingRules()))
    }
}
