import Bytes
import Synchronization

/// The profiles that the script declares, and how many dialogs are in each, by value.
final class DialogProfiles: Sendable {
    struct Profile: Sendable {
        let name: ByteString
        let hasValues: Bool
    }

    let profiles: [Profile]
    private let counts: Mutex<[[ByteString: Int]]>

    /// - Throws: a name that is used twice, or shared between servers.
    init(withValue: [ByteString], withoutValue: [ByteString]) throws(ModuleError) {
        var profiles: [Profile] = []
        for (list, parameter, hasValues) in [
            (withValue, "profiles_with_value", true), (withoutValue, "profiles_no_value", false),
        ] {
            for name in list.flatMap({ $0.split(at: ASCII.semicolon) }).map({ $0.trimmed() }) where !name.isEmpty {
                if name.contains(UInt8(ascii: "/")) {
                    throw ModuleError(
                        "dialog", parameter, nil,
                        "\(name) is shared between servers, which SIPRay's profiles are not; leave out the suffix")
                }
                guard !profiles.contains(where: { $0.name == name }) else {
                    throw ModuleError("dialog", parameter, nil, "there are two profiles \"\(name)\"")
                }
                profiles.append(Profile(name: name, hasValues: hasValues))
            }
        }
        self.profiles = profiles
        counts = Mutex(Array(repeating: [:], count: profiles.count))
    }

    func index(_ name: ByteString) -> Int? { profiles.firstIndex { $0.name == name } }

    /// What a dialog's membership with that value is; a profile without values has none.
    func link(_ index: Int, _ value: ByteString?) -> ProfileLink {
        ProfileLink(profile: index, value: profiles[index].hasValues ? (value ?? .empty).compacted() : .empty)
    }

    /// A dialog that joins and one that ends may be told of in either order: for that moment a count may stand below 0, and
    /// comes out right.
    func count(_ link: ProfileLink, by change: Int) {
        counts.withLock { counts in
            let new = (counts[link.profile][link.value] ?? 0) + change
            counts[link.profile][link.value] = new == 0 ? nil : new
        }
    }

    /// Dialogs in the profile, with that value if one is given and the profile has values.
    func size(_ index: Int, _ value: ByteString?) -> Int {
        counts.withLock { counts in
            if let value, profiles[index].hasValues { return max(0, counts[index][value] ?? 0) }
            return max(0, counts[index].values.reduce(0, +))
        }
    }

    /// Values and how many dialogs have each, by name.
    func values(_ index: Int) -> [(value: ByteString, count: Int)] {
        counts.withLock { $0[index] }.filter { $0.value > 0 }.map { ($0.key, $0.value) }
            .sorted { $0.value.string < $1.value.string }
    }
}
