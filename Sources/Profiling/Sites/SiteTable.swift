/// The sites of a program, by number.
///
/// Bounded: when `sitesMax` are taken, every further site is the one called `(too many sites)`. Sites are never
/// removed, since a ring may hold their numbers. Any thread may ask; it takes a lock.
public final class SiteTable: Sendable {
    /// The table that `Site.init` registers in.
    public static let shared = SiteTable()

    /// How many sites a table holds unless told otherwise.
    public static let sitesMaxDefault = 65_536

    private struct Contents {
        var descriptions: [SiteDescription]
        var sites: [SiteDescription: Site]
    }

    private let contents: Locked<Contents>
    private let sitesMax: Int

    /// An empty table.
    public init(sitesMax: Int = SiteTable.sitesMaxDefault) {
        self.sitesMax = min(max(sitesMax, 2), Int(Site.numberMask))
        contents = Locked(
            Contents(
                descriptions: [
                    SiteDescription(name: "(no site)", interest: []),
                    SiteDescription(name: "(too many sites)", interest: .sip),
                ],
                sites: [:]))
    }

    /// The site with that description; the same one each time.
    public func register(_ description: SiteDescription) -> Site {
        contents.withLock { contents in
            if let known = contents.sites[description] { return known }
            guard contents.descriptions.count < sitesMax else { return Site(number: 1, interest: description.interest) }
            let site = Site(number: UInt32(contents.descriptions.count), interest: description.interest)
            contents.descriptions.append(description)
            contents.sites[description] = site
            return site
        }
    }

    /// What is known of a site; of one from another table, or of none, `(no site)`.
    public func description(of site: Site) -> SiteDescription {
        contents.withLock { contents in
            let number = Int(site.number)
            return contents.descriptions[number < contents.descriptions.count ? number : 0]
        }
    }

    /// How many sites are taken.
    public var count: Int { contents.withLock { $0.descriptions.count } }

    /// All descriptions by number: for a reader, which keeps a copy and asks again when a number lies beyond it.
    func snapshot() -> [SiteDescription] { contents.withLock { $0.descriptions } }
}
