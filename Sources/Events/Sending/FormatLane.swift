import Profiling

/// The subscribers whose events are written alike, and the text that goes to all of them. On the sender's thread only.
final class FormatLane {
    private var batch: MessageBatch
    private let links: [SubscriberLink]
    /// The events that one of them wants, by index.
    private let wanted: Set<Int>

    private init(_ format: EventFormat, _ links: [SubscriberLink], wanted: Set<Int>) {
        batch = MessageBatch(format)
        self.links = links
        self.wanted = wanted
    }

    /// A lane for each format that a subscriber has. Subscriptions of one socket have one.
    static func lanes(
        _ links: [SubscriberLink], _ subscriptions: [Subscription], _ options: EventOptions
    ) -> [FormatLane] {
        var subscribed: [EventSocket: (fields: ExtraFields, events: Set<Int>)] = [:]
        for subscription in subscriptions {
            var present = subscribed[subscription.socket] ?? ([], [])
            present.fields.formUnion(subscription.fields)
            present.events.insert(subscription.event.index)
            subscribed[subscription.socket] = present
        }
        let formats = Dictionary(grouping: links) { link in
            options.format(of: link.socket, fields: subscribed[link.socket]?.fields ?? [])
        }
        return formats.map { format, links in
            let wanted = links.reduce(into: Set<Int>()) { $0.formUnion(subscribed[$1.socket]?.events ?? []) }
            return FormatLane(format, links, wanted: wanted)
        }
    }

    func wants(_ event: EventID) -> Bool { wanted.contains(event.index) }

    /// Writes and sends what its subscribers want of what there is.
    func send(
        _ records: [ProfilingRecord], _ raised: [EventState.Raised], _ names: [String], _ state: EventState, _ now: Int
    ) {
        let (process, script) = (state.processEvent, state.scriptEvent)
        let (wantsProcess, wantsScript) = (wanted.contains(process.index), wanted.contains(script.index))
        if wantsProcess || wantsScript {
            for record in records {
                let isScript = record.producer == .script
                guard isScript ? wantsScript : wantsProcess else { continue }
                batch.formatter.append(record)
                finish(
                    isScript ? script : process, session: record.session, isStart: record.verb == .start, state, now)
            }
        }
        for one in raised where wanted.contains(one.event.index) {
            batch.formatter.append(name: names[one.event.index], one.parameters)
            finish(one.event, session: 0, isStart: false, state, now)
        }
        flush(now)
    }

    private func finish(_ event: EventID, session: UInt64, isStart: Bool, _ state: EventState, _ now: Int) {
        if !batch.finish(event, session: session, isStart: isStart) { state.counters.add(state.counters.lostTooLong) }
        if batch.isFull { flush(now) }
    }

    private func flush(_ now: Int) {
        guard !batch.isEmpty else { return }
        for link in links { link.send(batch, now: now) }
        batch.removeAll()
    }
}
