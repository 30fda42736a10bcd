import Bytes
import Location
import Reactor
import RouteLanguage
import RouteRuntime

/// `usrloc` at work: sets up the store, sweeps it, and keeps values of addresses.
enum UsrLocModule {
    /// - Throws: a working mode that needs a database or a cluster.
    static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let parameters = environment.parameters
        try refuseMissingModes(parameters)
        let store = environment.location
        store.configure(order: parameters.isOn("usrloc", "desc_time_order") ? .newestFirst : .quality)
        let settings = UsrLocSettings(parameters, flags: environment.flags)
        scheduleSweep(environment, seconds: parameters.integer("usrloc", "timer_interval") ?? 60)
        environment.statistics.gauge(group: "usrloc", name: "registered_users") {
            store.domains.reduce(0) { $0 + $1.addressCount }
        }
        let statistics = environment.statistics
        store.onNewDomain { register($0, in: statistics) }
        let log = environment.log
        @Sendable func domain(_ call: borrowing Call) -> LocationDomain? {
            call.string(0).map { store.domain(named: $0) }
        }
        return ModuleBinding(
            "usrloc",
            functions: [
                "ul_add_key": { call in
                    guard let domain = domain(call), let aor = call.string(1).flatMap({ settings.address(of: $0) }),
                        let key = call.string(2)
                    else { return .no }
                    let isStored = domain.setValue(call.string(3) ?? .empty, forKey: key, of: aor)
                    if !isStored { log(.debug, "ul_add_key: \(aor) is not registered, or holds too many values") }
                    return Outcome(isStored)
                },
                "ul_get_key": { call in
                    guard let domain = domain(call), let aor = call.string(1).flatMap({ settings.address(of: $0) }),
                        let key = call.string(2), let value = domain.value(forKey: key, of: aor)
                    else { return .no }
                    return Outcome(call.assign(3, .string(value)))
                },
                "ul_del_key": { call in
                    guard let domain = domain(call), let aor = call.string(1).flatMap({ settings.address(of: $0) }),
                        let key = call.string(2)
                    else { return .no }
                    return Outcome(domain.setValue(.empty, forKey: key, of: aor))
                },
            ])
    }

    /// Statistics of a domain, once its name is known.
    private static func register(_ domain: LocationDomain, in statistics: Statistics) {
        let name = domain.name.string
        statistics.gauge(group: "usrloc", name: "\(name)-users") { domain.addressCount }
        statistics.gauge(group: "usrloc", name: "\(name)-contacts") { domain.bindingCount }
        statistics.gauge(group: "usrloc", name: "\(name)-expires", kind: .incremental) { domain.expiredCount }
    }

    private static func refuseMissingModes(_ parameters: ModuleParameters) throws(ModuleError) {
        let modes: [(String, ByteString)] = [
            ("working_mode_preset", "single-instance-no-db"), ("cluster_mode", "none"),
            ("restart_persistency", "none"), ("sql_write_mode", "none"), ("db_mode", "0"),
        ]
        for (name, only) in modes {
            guard let value = parameters.text("usrloc", name), value != only else { continue }
            throw ModuleError(
                "usrloc", name, value, "SIPRay keeps contacts in memory only; use \"\(only)\"")
        }
    }

    /// One shard at a time, all of them within `seconds`: no run of the timer is long.
    private static func scheduleSweep(_ environment: ModuleEnvironment, seconds: Int) {
        let store = environment.location
        let now = environment.now
        let position = SweepPosition()
        let milliseconds = max(10, max(1, seconds) * 1000 / LocationDomain.shardCount)
        environment.every(milliseconds: milliseconds, "usrloc expiry") {
            let shard = position.next()
            for domain in store.domains { domain.expire(shard: shard, now: now()) }
        }
    }
}
