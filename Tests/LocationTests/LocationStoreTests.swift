import Bytes
import Synchronization
import Testing

@testable import Location

/// Collects the events of a store as text.
private final class Log: Sendable {
    let lines = Mutex<[String]>([])

    var observer: LocationObserver {
        LocationObserver(isInterested: { true }) { event in
            let contact = event.binding.map { " \($0.contact)" } ?? ""
            self.lines.withLock { $0.append("\(event.kind.name) \(event.domain) \(event.aor)\(contact)") }
        }
    }

    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }
}

private func request(
    _ contact: ByteString, cseq: Int = 1, expires: Int? = 600, q: Int = Binding.qUnspecified,
    aor: ByteString = "alice"
) -> RegistrationRequest {
    var request = RegistrationRequest(aor: aor, callID: "call", cseq: cseq)
    request.contacts = [ContactUpdate(uri: contact, expiresSeconds: expires, q: q)]
    return request
}

@Suite("Location store")
struct LocationStoreTests {
    @Test func eventsFollowTheLifeOfAContact() {
        let log = Log()
        let domain = LocationStore(observer: log.observer).domain(named: "location")
        _ = domain.register(request("sip:a@1.1.1.1"), now: 0)
        #expect(
            log.take() == ["E_UL_AOR_INSERT location alice", "E_UL_CONTACT_INSERT location alice sip:a@1.1.1.1"])
        _ = domain.register(request("sip:a@1.1.1.1", cseq: 2), now: 30)
        #expect(log.take() == ["E_UL_CONTACT_UPDATE location alice sip:a@1.1.1.1"])
        _ = domain.register(request("sip:a@1.1.1.1", cseq: 2), now: 31)
        #expect(log.take() == [])
        _ = domain.register(request("sip:a@1.1.1.1", cseq: 3, expires: 0), now: 40)
        #expect(
            log.take() == ["E_UL_CONTACT_DELETE location alice sip:a@1.1.1.1", "E_UL_AOR_DELETE location alice"])
        #expect(domain.addressCount == 0)
        #expect(domain.bindingCount == 0)
    }

    @Test func sweepingTakesOutWhatEnded() {
        let log = Log()
        let domain = LocationStore(observer: log.observer).domain(named: "location")
        for index in 0..<200 {
            let aor = ByteString("user\(index)")
            _ = domain.register(
                request("sip:u@1.1.1.1", expires: index.isMultiple(of: 2) ? 60 : 600, aor: aor), now: 0)
        }
        _ = log.take()
        let swept = (0..<LocationDomain.shardCount).map { domain.expire(shard: $0, now: 60) }.reduce(0, +)
        #expect(swept == 100)
        #expect(domain.expiredCount == 100)
        #expect(domain.addressCount == 100)
        #expect(domain.bindingCount == 100)
        #expect(log.take().count == 200)
        domain.resetExpiredCount()
        #expect(domain.expiredCount == 0)
    }

    @Test(arguments: [
        (BindingOrder.quality, ["sip:high", "sip:mid1", "sip:mid2", "sip:none"]),
        (BindingOrder.newestFirst, ["sip:none", "sip:high", "sip:mid2", "sip:mid1"]),
    ])
    func order(_ order: BindingOrder, expected: [String]) {
        let store = LocationStore()
        store.configure(order: order)
        let domain = store.domain(named: "location")
        let contacts: [(ByteString, Int)] = [
            ("sip:mid1", 500), ("sip:mid2", 500), ("sip:high", 1000), ("sip:none", Binding.qUnspecified),
        ]
        for (index, (uri, q)) in contacts.enumerated() {
            _ = domain.register(request(uri, cseq: index, q: q), now: index)
        }
        #expect(domain.bindings(of: "alice", now: 5).map(\.contact.string) == expected)
    }

    @Test func aRefreshMovesTheContactToItsNewRank() {
        let domain = LocationStore().domain(named: "location")
        _ = domain.register(request("sip:a", cseq: 1, q: 900), now: 0)
        _ = domain.register(request("sip:b", cseq: 1, q: 500), now: 0)
        _ = domain.register(request("sip:a", cseq: 2, q: 100), now: 30)
        #expect(domain.bindings(of: "alice", now: 31).map(\.contact.string) == ["sip:b", "sip:a"])
    }

    @Test func bindingsKeepNothingOfTheMessage() {
        let message = ByteString(String(repeating: "x", count: 4000) + "alice" + "sip:a@1.1.1.1")
        let domain = LocationStore().domain(named: "location")
        _ = domain.register(
            request(message.slice(4005..<4018), aor: message.slice(4000..<4005)), now: 0)
        let record = domain.record(of: "alice")
        #expect(record?.aor.storage.count == 5)
        #expect(record?.bindings.first?.storage.count == 13 + 4)
        #expect(record?.bindings.first?.contact == ("sip:a@1.1.1.1" as ByteString))
    }

    @Test func removal() {
        let domain = LocationStore().domain(named: "location")
        _ = domain.register(request("sip:a@1.1.1.1", cseq: 1), now: 0)
        _ = domain.register(request("sip:b@2.2.2.2", cseq: 2), now: 0)
        #expect(domain.removeBindings(of: "alice") { $0.contact == ("sip:a@1.1.1.1" as ByteString) } == 1)
        #expect(domain.removeBindings(of: "nobody") { _ in true } == nil)
        #expect(domain.removeBindings { $0.contact == ("sip:b@2.2.2.2" as ByteString) } == 1)
        #expect(!domain.remove("alice"))
        #expect(domain.addressCount == 0)
    }

    @Test func domainsAreApart() {
        let store = LocationStore()
        _ = store.domain(named: "location").register(request("sip:a@1.1.1.1"), now: 0)
        #expect(store.domain(named: "location").isRegistered("alice", now: 1))
        #expect(!store.domain(named: "other").isRegistered("alice", now: 1))
        #expect(store.existingDomain(named: "third") == nil)
        #expect(store.domains.map(\.name.string) == ["location", "other"])
    }

    @Test func writersOfManyAddressesDoNotLoseACount() async {
        let domain = LocationStore().domain(named: "location")
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for index in 0..<500 {
                        _ = domain.register(
                            request(ByteString("sip:w\(writer)"), cseq: writer, aor: ByteString("u\(index)")), now: 0)
                    }
                }
            }
        }
        #expect(domain.addressCount == 500)
        #expect(domain.bindingCount == 2000)
        var seen = 0
        domain.forEachRecord { seen += $0.bindings.count }
        #expect(seen == 2000)
        #expect(Set(domain.bindings(of: "u7", now: 0).map(\.id)).count == 4)
    }
}
