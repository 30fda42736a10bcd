package import Profiling

/// What is known of one site over many sessions.
package struct SiteSummary: Sendable, Hashable {
    package var producer: Producer
    /// What it is: `UDP`, `request`, … for sessions; `job` for what is inside them.
    package var kind: String
    package var name: String
    /// `file:line`; sessions have none.
    package var place: String?
    package var durations = Histogram()
    /// How many were cut or lack something; they are not in `durations`.
    package var truncated = 0
    /// The session in which it took longest.
    package var slowestSession: UInt64 = 0
    /// When that began, in nanoseconds since 1970.
    package var slowestBeginNanoseconds: Int64 = 0
}

/// Counts and durations per site: of whole sessions, of routes, of functions. Pure and bounded.
package struct Summary: Sendable {
    /// Sites kept; of further ones only the number is.
    package let sitesMax: Int
    /// Durations of sites beyond the limit that were left out.
    package private(set) var omitted = 0
    /// Sessions added, those inside others too.
    package private(set) var sessions = 0

    private struct Key: Hashable {
        var producer: Producer
        var kind: String
        var name: String
        var place: String?
    }

    private var sites: [Key: SiteSummary] = [:]

    package init(sitesMax: Int = 4096) { self.sitesMax = sitesMax }

    /// All sites, those with the most time in them first.
    package var rows: [SiteSummary] {
        sites.values.sorted { ($0.durations.total, $1.name) > ($1.durations.total, $0.name) }
    }

    /// Adds a session and everything in it.
    package mutating func add(_ session: Session) {
        sessions += 1
        add(
            Key(producer: session.producer, kind: session.kind, name: session.name), session.durationNanoseconds,
            isTruncated: session.isTruncated, in: session, begin: session.beginNanoseconds)
        add(session.steps, in: session)
    }

    private mutating func add(_ steps: [Step], in session: Session) {
        for step in steps {
            switch step {
            case .session(let inner): add(inner)
            case .job(let job):
                add(
                    Key(producer: session.producer, kind: "job", name: job.name, place: job.place),
                    job.durationNanoseconds, isTruncated: job.isTruncated, in: session, begin: job.beginNanoseconds)
                add(job.steps, in: session)
            }
        }
    }

    private mutating func add(
        _ key: Key, _ nanoseconds: Int64, isTruncated: Bool, in session: Session, begin: Int64
    ) {
        guard sites[key] != nil || sites.count < sitesMax else {
            omitted += 1
            return
        }
        var site =
            sites[key]
            ?? SiteSummary(producer: key.producer, kind: key.kind, name: key.name, place: key.place)
        if isTruncated {
            site.truncated += 1
        } else {
            if site.durations.count == 0 || nanoseconds > site.durations.greatest {
                site.slowestSession = session.id
                site.slowestBeginNanoseconds = begin
            }
            site.durations.add(nanoseconds)
        }
        sites[key] = site
    }
}
