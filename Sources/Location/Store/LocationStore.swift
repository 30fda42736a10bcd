package import Bytes
import Synchronization

/// The registered contacts of the server: one `LocationDomain` for each name that the script gives to `save()`.
///
/// Domains are made while the script is bound; afterwards the list only grows. Thread-safe.
package final class LocationStore: Sendable {
    package let limits: LocationLimits
    package let observer: LocationObserver
    private let list = Mutex<[LocationDomain]>([])
    private let settings = Mutex(Settings())

    /// What domains made from now on get.
    private struct Settings {
        var order = BindingOrder.quality
        var onNewDomain: @Sendable (LocationDomain) -> Void = { _ in }
    }

    package init(limits: LocationLimits = LocationLimits(), observer: LocationObserver = .none) {
        self.limits = limits
        self.observer = observer
    }

    /// Sets the order of bindings for the domains that are made afterwards.
    package func configure(order: BindingOrder) {
        settings.withLock { $0.order = order }
    }

    /// Sets what is called with each domain that is made afterwards, on the thread that asked for it.
    package func onNewDomain(_ body: @escaping @Sendable (LocationDomain) -> Void) {
        settings.withLock { $0.onNewDomain = body }
    }

    /// The domain called `name`, made on first use.
    package func domain(named name: ByteString) -> LocationDomain {
        if let domain = existingDomain(named: name) { return domain }
        let (order, announce) = settings.withLock { ($0.order, $0.onNewDomain) }
        let (domain, isNew) = list.withLock { domains in
            if let domain = domains.first(where: { $0.name == name }) { return (domain, false) }
            let domain = LocationDomain(name: name.compacted(), order: order, limits: limits, observer: observer)
            domains.append(domain)
            return (domain, true)
        }
        if isNew { announce(domain) }
        return domain
    }

    /// The domain called `name`, if the script uses it.
    package func existingDomain(named name: ByteString) -> LocationDomain? {
        list.withLock { domains in domains.first { $0.name == name } }
    }

    /// All domains in the order of their making.
    package var domains: [LocationDomain] { list.withLock { $0 } }
}
