import Bytes
import Synchronization
import Testing

@testable import Location

private func request(_ cseq: Int, _ contacts: [String], expires: Int = 600) -> RegistrationRequest {
    var request = RegistrationRequest(aor: "alice@example.net", callID: "c\(cseq)".asBytes, cseq: cseq)
    request.contacts = contacts.map { ContactUpdate(uri: ByteString($0), expiresSeconds: expires) }
    return request
}

extension String {
    fileprivate var asBytes: ByteString { ByteString(self) }
}

@Suite("Which binding a Contact means, and at what cost")
struct ContactMatchingTests {
    private func domain() -> LocationDomain { LocationStore(limits: LocationLimits()).domain(named: "location") }

    /// Stored, registered, and what is there afterwards.
    static let cases: [([String], String, [String])] = [
        (["sip:a@h"], "sip:a@H", ["sip:a@H"]),
        (["sip:a@h"], "sip:%61@h;x=1", ["sip:%61@h;x=1"]),
        (["sip:a@h"], "sip:A@h", ["sip:a@h", "sip:A@h"]),
        (["sip:a@h"], "sip:a@h:5060", ["sip:a@h", "sip:a@h:5060"]),
        (["sip:a@h"], "sips:a@h", ["sip:a@h", "sips:a@h"]),
        (["sip:a@h"], "sip:a@h;transport=tcp", ["sip:a@h", "sip:a@h;transport=tcp"]),
        (["tel:+1-201"], "tel:+1.2(0)1", ["tel:+1.2(0)1"]),
        (["tel:+1-201"], "tel:+1-202", ["tel:+1-201", "tel:+1-202"]),
        (["im:A@h"], "im:a@H", ["im:a@H"]),
        // What a binding has byte for byte goes before what is only equivalent.
        (["sip:a@h;x=1", "sip:a@h;x=2"], "sip:a@h;x=2", ["sip:a@h;x=1", "sip:a@h;x=2"]),
        (["no uri"], "no uri", ["no uri"]),
    ]

    @Test(arguments: cases)
    func equivalence(_ stored: [String], _ registered: String, _ expected: [String]) {
        let domain = domain()
        _ = domain.register(request(1, stored), now: 0)
        let result = domain.register(request(2, [registered]), now: 1)
        #expect(result.bindings.map(\.contact.string) == expected)
    }

    /// The second Contact is compared with what the first made of the binding.
    @Test func whatOneRequestChangesCountsForItsNextContact() {
        let domain = domain()
        _ = domain.register(request(1, ["sip:a@h;x=1"]), now: 0)
        let result = domain.register(request(2, ["sip:a@h", "sip:a@h;x=2", "sip:b@h", "sip:%62@h"]), now: 1)
        #expect(result.bindings.map(\.contact.string) == ["sip:a@h;x=2", "sip:%62@h"])
    }

    @Test func contactsOfOneRequestAreBounded() {
        let domain = domain()
        let many = (0...LocationLimits().contactsPerRequestMax).map { "sip:a\($0)@h" }
        guard case .rejected(.tooManyContacts(limit: 100)) = domain.register(request(1, many), now: 0) else {
            Issue.record("no bound")
            return
        }
        #expect(domain.addressCount == 0)
        #expect(domain.register(request(2, Array(many.dropLast())), now: 0).bindings.count == 100)
    }

    /// As many bindings as an address may have, and a request of as many Contacts as it may. The second kind differ in the last of
    /// many parameters only: each comparison is as long as it can be.
    @Test(arguments: ["sip:a%d@10.0.0.1", "sip:a@10.0.0.1;" + String(repeating: "p;q=1;", count: 35) + "z=%d"])
    func costIsBounded(_ form: String) {
        var limits = LocationLimits()
        limits.bindingsPerAddressMax = 300
        let domain = LocationStore(limits: limits).domain(named: "location")
        func contacts(_ range: Range<Int>) -> [String] { range.map { form.replacing("%d", with: "\($0)") } }
        for part in 0..<3 { _ = domain.register(request(part, contacts(part * 100..<(part + 1) * 100)), now: 0) }
        #expect(domain.bindingCount == 300)
        let took = ContinuousClock().measure {
            guard case .rejected = domain.register(request(9, contacts(900..<1_000)), now: 1) else {
                Issue.record("more bindings than an address may have")
                return
            }
        }
        #expect(took < .seconds(10), "a debug build takes 0.5 s")
        #expect(domain.bindingCount == 300)
    }

    /// A refused request that found only what had ended leaves no empty address behind.
    @Test func aRefusalRemovesAnAddressThatItEmptied() {
        let events = Mutex<[LocationEvent.Kind]>([])
        let observer = LocationObserver(
            isInterested: { true }, notify: { event in events.withLock { $0.append(event.kind) } })
        let domain = LocationStore(limits: LocationLimits(), observer: observer).domain(named: "location")
        _ = domain.register(request(1, ["sip:a@h"], expires: 10), now: 0)
        var two = request(2, ["sip:b@h", "sip:c@h"])
        two.rules.contactsMax = 1
        guard case .rejected(.tooManyContacts(limit: 1)) = domain.register(two, now: 20) else {
            Issue.record("accepted")
            return
        }
        #expect(domain.addressCount == 0 && domain.bindingCount == 0)
        #expect(domain.record(of: "alice@example.net") == nil)
        #expect(events.withLock { $0 } == [.aorInsert, .contactInsert, .contactDelete, .aorDelete])
        #expect(domain.register(request(3, ["sip:d@h"]), now: 21).bindings.count == 1)
        #expect(domain.addressCount == 1)
    }
}
