import Bytes
package import Location
import RouteRuntime

extension LocationObserver {
    /// Raises the `E_UL_*` events with the fields that subscribers of the peer know. Nothing is put together while nobody
    /// listens to any of them.
    package static func raising(_ events: EventOutlet) -> LocationObserver {
        LocationObserver(
            isInterested: { LocationEvent.Kind.allCases.contains { events.isWanted($0.name) } },
            notify: { event in
                guard events.isWanted(event.kind.name) else { return }
                events.raise(event.kind.name, fields(of: event))
            })
    }

    private static func fields(of event: LocationEvent) -> [(name: String, value: Value)] {
        var fields: [(name: String, value: Value)] = [
            ("domain", .string(event.domain)), ("aor", .string(event.aor)),
        ]
        guard let binding = event.binding else { return fields }
        fields += [
            ("uri", .string(binding.contact)), ("received", .string(binding.received)),
            ("path", .string(binding.path)),
            // In tenths, as the peer tells it.
            ("qval", .integer(max(0, binding.q) / 100)), ("user_agent", .string(binding.userAgent)),
            ("socket", .string(binding.socket)), ("bflags", .integer(Int(binding.branchFlags))),
            ("expires", .integer(binding.expires)), ("callid", .string(binding.callID)),
            ("cseq", .integer(binding.cseq)), ("attr", .string(binding.attributes)), ("latency", .integer(0)),
            ("shtag", .string(.empty)),
        ]
        return fields
    }
}
