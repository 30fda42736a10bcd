package import Bytes
package import Location
package import RouteRuntime
import SIPMessage

/// How addresses and contacts are kept: the parameters of `usrloc` that `registrar` needs too.
package struct UsrLocSettings: Sendable {
    package let usesDomain: Bool
    package let matching: ContactMatching
    /// Seconds in which a REGISTER with known Call-ID and CSeq is a retransmission.
    package let retransmissionSeconds: Int
    /// Branch flag of contacts behind a NAT; 0 when the script names none.
    package let natFlag: UInt32
    package let isCaseSensitive: Bool
    /// Left out of the start of domains (`realm_prefix` of registrar).
    package let realmPrefix: ByteString
    package let userLengthMax: Int
    package let domainLengthMax: Int
    package let addressLengthMax: Int

    package init(_ parameters: ModuleParameters, flags: FlagNames) {
        usesDomain = parameters.isOn("usrloc", "use_domain")
        matching = parameters.integer("usrloc", "matching_mode") == 1 ? .contactAndCallID : .contact
        retransmissionSeconds = max(0, parameters.integer("usrloc", "cseq_delay") ?? 20)
        natFlag = parameters.text("usrloc", "nat_bflag").map { flags.mask($0, of: .branch) } ?? 0
        isCaseSensitive = parameters.isOn("registrar", "case_sensitive")
        realmPrefix = parameters.text("registrar", "realm_prefix") ?? .empty
        userLengthMax = parameters.integer("registrar", "max_username_len") ?? 64
        domainLengthMax = parameters.integer("registrar", "max_domain_len") ?? 64
        addressLengthMax = parameters.integer("registrar", "max_aor_len") ?? 256
    }

    /// The key of an address of record: `user@domain` of a URI with the user's escapes undone (RFC 3261 §10.3 step 5), or what
    /// is given when it is no URI. Nil when it is too long or names no user. Allocates only when letters, an escape, a
    /// prefix or a password are in the way.
    package func address(of text: ByteString) -> ByteString? {
        guard let uri = SIPURI(text), uri.scheme != .other else {
            guard !text.isEmpty, text.count <= addressLengthMax else { return nil }
            return folded(usesDomain ? text : text.prefix(text.first(of: ASCII.at) ?? text.count))
        }
        let isEscaped = uri.user.contains(ASCII.percent)
        let user = isEscaped ? Self.withoutEscapes(uri.user) : uri.user
        var domain = uri.host
        guard !user.isEmpty || !domain.isEmpty, user.count <= userLengthMax, domain.count <= domainLengthMax,
            text.count <= addressLengthMax
        else { return nil }
        guard usesDomain, !domain.isEmpty else { return user.isEmpty ? nil : folded(user) }
        let isStripped = !realmPrefix.isEmpty && domain.hasPrefixIgnoringCase(realmPrefix)
        if isStripped { domain = domain.dropFirst(realmPrefix.count) }
        if !isStripped, !isEscaped, uri.hasUser, uri.passwordRange.isEmpty {
            // `user@domain` stands in the URI as it is.
            let whole = uri.text
            let lower = Int(uri.userRange.lower - uri.range.lower)
            let upper = Int(uri.hostRange.upper - uri.range.lower)
            return folded(whole.slice(lower..<upper))
        }
        if user.isEmpty { return folded(domain) }
        var writer = ByteWriter(reserving: user.count + domain.count + 1)
        writer.append(user)
        writer.append(ASCII.at)
        writer.append(domain)
        return folded(writer.finishText())
    }

    /// A user with escapes undone. Controls stay escaped: no line of a log, an event or a message is broken by a key.
    private static func withoutEscapes(_ user: ByteString) -> ByteString {
        let decoded = user.percentDecoded()
        return decoded.elements.allSatisfy { $0 >= ASCII.space && $0 != 0x7F } ? decoded : user
    }

    /// Domains have no letter case (RFC 3261 §19.1.4); users have one unless the script says otherwise.
    private func folded(_ address: ByteString) -> ByteString {
        if !isCaseSensitive { return address.lowercased() }
        guard let at = address.last(of: ASCII.at) else { return address }
        let domain = address.dropFirst(at + 1)
        guard domain.elements.contains(where: { ASCII.lowercased($0) != $0 }) else { return address }
        return address.prefix(at + 1) + domain.lowercased()
    }
}
