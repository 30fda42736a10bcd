import Bytes
import Testing

@testable import Location

/// A REGISTER in short: what a test says of it.
private struct Register {
    var callID: ByteString = "c1"
    var cseq = 1
    var contacts: [(ByteString, Int?)] = []
    var wildcard = false
    var at = 1000
    var rules = RegistrationRules()

    func request(_ aor: ByteString = "alice@example.net") -> RegistrationRequest {
        var request = RegistrationRequest(aor: aor, callID: callID, cseq: cseq)
        request.contacts = contacts.map { ContactUpdate(uri: $0.0, expiresSeconds: $0.1) }
        request.isWildcard = wildcard
        request.rules = rules
        return request
    }
}

private func domain(limits: LocationLimits = LocationLimits()) -> LocationDomain {
    LocationStore(limits: limits).domain(named: "location")
}

private func contacts(_ domain: LocationDomain, at now: Int, _ aor: ByteString = "alice@example.net") -> [String] {
    domain.bindings(of: aor, now: now).map(\.contact.string)
}

@Suite("Registrations, RFC 3261 §10.3")
struct RegistrationTests {
    enum Expected: Sendable {
        case accepted([String]), retransmission, rejected(RegistrationRejection)
    }

    struct Step: Sendable, CustomTestStringConvertible {
        let name: String
        var first = "sip:a@1.1.1.1"
        var callID = "c1"
        var cseq = 2
        var contact: String? = "sip:a@1.1.1.1"
        var expires: Int? = 60
        var wildcard = false
        var at = 1100
        var acceptsDuplicates = true
        let expected: Expected
        var testDescription: String { name }
    }

    /// Every step follows a REGISTER of Call-ID `c1`, CSeq 1 at second 1000, for 600 seconds.
    static let steps = [
        Step(name: "refresh", expected: .accepted(["sip:a@1.1.1.1"])),
        Step(
            name: "second contact", contact: "sip:b@2.2.2.2", expected: .accepted(["sip:a@1.1.1.1", "sip:b@2.2.2.2"])),
        Step(name: "removal", expires: 0, expected: .accepted([])),
        Step(
            name: "removal of what is not there", contact: "sip:x@9.9.9.9", expires: 0,
            expected: .accepted(["sip:a@1.1.1.1"])),
        Step(name: "query", contact: nil, expected: .accepted(["sip:a@1.1.1.1"])),
        Step(name: "retransmission", cseq: 1, at: 1019, expected: .retransmission),
        Step(name: "same CSeq after the delay", cseq: 1, at: 1020, expected: .accepted(["sip:a@1.1.1.1"])),
        Step(
            name: "same CSeq after the delay, strict", cseq: 1, at: 1020, acceptsDuplicates: false,
            expected: .rejected(.outOfOrder)),
        Step(name: "lower CSeq", cseq: 0, expected: .rejected(.outOfOrder)),
        Step(name: "lower CSeq of another call", callID: "c2", cseq: 0, expected: .accepted(["sip:a@1.1.1.1"])),
        Step(name: "all removed", contact: nil, wildcard: true, expected: .accepted([])),
        Step(name: "all removed, lower CSeq", cseq: 0, contact: nil, wildcard: true, expected: .rejected(.outOfOrder)),
        Step(
            name: "all removed by another call", callID: "c2", cseq: 0, contact: nil, wildcard: true,
            expected: .accepted([])),
        Step(name: "old binding has ended", contact: "sip:b@2.2.2.2", at: 1600, expected: .accepted(["sip:b@2.2.2.2"])),
        Step(name: "the same, ended, any CSeq", cseq: 0, at: 1600, expected: .accepted(["sip:a@1.1.1.1"])),
    ]

    @Test(arguments: steps)
    func step(_ step: Step) {
        let domain = domain()
        let first = Register(contacts: [(ByteString(step.first), 600)])
        _ = domain.register(first.request(), now: 1000)
        var next = Register(callID: ByteString(step.callID), cseq: step.cseq, wildcard: step.wildcard)
        if let contact = step.contact { next.contacts = [(ByteString(contact), step.expires)] }
        next.rules.acceptsDuplicateCSeq = step.acceptsDuplicates
        let result = domain.register(next.request(), now: step.at)
        switch (result, step.expected) {
        case (.accepted(let bindings), .accepted(let expected)):
            #expect(bindings.map(\.contact.string) == expected)
            #expect(contacts(domain, at: step.at) == expected)
        case (.retransmission(let bindings), .retransmission):
            #expect(bindings.first?.expires == 1600)
        case (.rejected(let reason), .rejected(let expected)):
            #expect(reason == expected)
            #expect(contacts(domain, at: step.at) == [step.first])
        default:
            Issue.record("\(result) instead of \(step.expected)")
        }
    }

    @Test func oneBadContactFailsAll() {
        let domain = domain()
        _ = domain.register(Register(cseq: 5, contacts: [("sip:a@1.1.1.1", 600)]).request(), now: 0)
        let mixed = Register(cseq: 4, contacts: [("sip:new@2.2.2.2", 600), ("sip:a@1.1.1.1", 0)])
        guard case .rejected(.outOfOrder) = domain.register(mixed.request(), now: 10) else {
            Issue.record("accepted")
            return
        }
        #expect(contacts(domain, at: 10) == ["sip:a@1.1.1.1"])
        #expect(domain.bindingCount == 1)
    }

    @Test func oneContactTwiceInOneRequestIsOneBinding() {
        let domain = domain()
        let twice = Register(contacts: [("sip:a@1.1.1.1", 600), ("sip:a@1.1.1.1", 700)])
        let result = domain.register(twice.request(), now: 0)
        #expect(result.bindings.map(\.expires) == [700])
        #expect(domain.bindingCount == 1)
    }

    @Test(arguments: [false, true])
    func boundOfContacts(replacesOldest: Bool) {
        let domain = domain()
        var rules = RegistrationRules()
        rules.contactsMax = 2
        rules.replacesOldest = replacesOldest
        for (cseq, host) in ["1.1.1.1", "2.2.2.2"].enumerated() {
            let register = Register(cseq: cseq, contacts: [(ByteString("sip:a@\(host)"), 600)], rules: rules)
            _ = domain.register(register.request(), now: cseq)
        }
        let third = Register(cseq: 9, contacts: [("sip:a@3.3.3.3", 600)], rules: rules)
        let result = domain.register(third.request(), now: 5)
        if replacesOldest {
            #expect(result.bindings.map(\.contact.string) == ["sip:a@2.2.2.2", "sip:a@3.3.3.3"])
        } else {
            guard case .rejected(.tooManyContacts(limit: 2)) = result else {
                Issue.record("\(result)")
                return
            }
        }
        #expect(domain.bindingCount == 2)
        // A refresh at the bound is no new contact.
        let refresh = Register(cseq: 10, contacts: [("sip:a@2.2.2.2", 600)], rules: rules)
        #expect(domain.register(refresh.request(), now: 6).bindings.count == 2)
    }

    @Test func storeBounds() {
        var limits = LocationLimits()
        limits.addressesMax = 1
        limits.bindingsPerAddressMax = 1
        limits.valuesPerAddressMax = 1
        let domain = domain(limits: limits)
        _ = domain.register(Register(contacts: [("sip:a@1.1.1.1", 60)]).request(), now: 0)
        let other = Register(contacts: [("sip:b@1.1.1.1", 60)]).request("bob@example.net")
        guard case .rejected(.storeFull(limit: 1)) = domain.register(other, now: 0) else {
            Issue.record("no bound on addresses")
            return
        }
        let second = Register(cseq: 2, contacts: [("sip:a@2.2.2.2", 60)]).request()
        guard case .rejected(.tooManyContacts(limit: 1)) = domain.register(second, now: 0) else {
            Issue.record("no bound on bindings")
            return
        }
        #expect(domain.setValue("1", forKey: "a", of: "alice@example.net"))
        #expect(!domain.setValue("2", forKey: "b", of: "alice@example.net"))
        #expect(domain.setValue("3", forKey: "a", of: "alice@example.net"))
        #expect(domain.value(forKey: "a", of: "alice@example.net") == ("3" as ByteString))
        #expect(domain.setValue("", forKey: "a", of: "alice@example.net"))
        #expect(domain.value(forKey: "a", of: "alice@example.net") == nil)
    }

    @Test func matchingByCallID() {
        let domain = domain()
        var rules = RegistrationRules()
        rules.matching = .contactAndCallID
        for callID in ["c1", "c2"] as [ByteString] {
            let register = Register(callID: callID, contacts: [("sip:a@1.1.1.1", 600)], rules: rules)
            _ = domain.register(register.request(), now: 0)
        }
        #expect(contacts(domain, at: 1) == ["sip:a@1.1.1.1", "sip:a@1.1.1.1"])
    }

    @Test func matchingByParameter() {
        let domain = domain()
        var rules = RegistrationRules()
        rules.matching = .parameter("rinstance")
        _ = domain.register(
            Register(cseq: 1, contacts: [("sip:a@1.1.1.1:5060;rinstance=7", 600)], rules: rules).request(), now: 0)
        _ = domain.register(
            Register(cseq: 2, contacts: [("sip:a@9.9.9.9:777;rinstance=7", 600)], rules: rules).request(), now: 1)
        #expect(contacts(domain, at: 2) == ["sip:a@9.9.9.9:777;rinstance=7"])
    }

    @Test func matchingByURIRules() {
        let domain = domain()
        _ = domain.register(Register(cseq: 1, contacts: [("sip:a@Example.NET;user=phone", 600)]).request(), now: 0)
        _ = domain.register(Register(cseq: 2, contacts: [("SIP:a@example.net;User=phone", 600)]).request(), now: 1)
        #expect(domain.bindingCount == 1)
    }
}
