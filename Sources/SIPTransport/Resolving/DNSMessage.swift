import Bytes
import Reactor

/// Reading of a DNS response (RFC 1035 §4): the records of the type that was asked for, however the name got there.
///
/// The bytes come from the network: every length is checked, compression pointers may only point backwards, at most
/// `recordsMax` records are looked at. c-ares has matched the response to its query before.
struct DNSMessage {
    static let recordsMax = 256
    static let nameBytesMax = 255

    /// The records and for how many seconds they hold, or nil for a message that is not well formed.
    struct Parsed: Hashable {
        var answer: DNSAnswer
        /// The least TTL of what was used; for nothing found, the negative TTL of the SOA record (RFC 2308 §5) or nil.
        var seconds: Int?
    }

    private let bytes: [UInt8]
    private var offset = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func parse(_ bytes: [UInt8], type: DNSType) -> Parsed? {
        var message = DNSMessage(bytes)
        return message.parse(type)
    }

    private mutating func parse(_ type: DNSType) -> Parsed? {
        guard bytes.count >= 12 else { return nil }
        let code = bytes[3] & 15
        let (questions, answers, authorities) = (word(4), word(6), word(8))
        guard questions <= 4 else { return nil }
        offset = 12
        for _ in 0..<questions {
            guard name() != nil, offset + 4 <= bytes.count else { return nil }
            offset += 4
        }
        guard code == 0 || code == 3 else { return Parsed(answer: .failure, seconds: nil) }
        var found = Collected()
        for _ in 0..<min(answers, Self.recordsMax) {
            guard let header = recordHeader() else { return nil }
            let end = offset + header.length
            if header.type == type.rawValue {
                guard read(type, end: end, into: &found) else { return nil }
                found.note(ttl: header.ttl)
            } else if header.type == DNSType.cname.rawValue {
                found.note(ttl: header.ttl)
            }
            offset = end
        }
        if let records = found.records(type) {
            return Parsed(answer: .found(records), seconds: found.seconds)
        }
        return Parsed(answer: .nothing, seconds: answers > Self.recordsMax ? nil : negativeSeconds(authorities))
    }

    private mutating func negativeSeconds(_ authorities: Int) -> Int? {
        for _ in 0..<min(authorities, Self.recordsMax) {
            guard let header = recordHeader() else { return nil }
            let end = offset + header.length
            if header.type == DNSType.soa.rawValue {
                guard name() != nil, name() != nil, offset + 20 <= end else { return nil }
                return min(header.ttl, long(offset + 16))
            }
            offset = end
        }
        return nil
    }

    /// The records that were read, by kind.
    private struct Collected {
        var addresses: [SocketAddress] = []
        var servers: [SRVRecord] = []
        var pointers: [NAPTRRecord] = []
        var seconds: Int?

        mutating func note(ttl: Int) { seconds = min(seconds ?? ttl, ttl) }

        func records(_ type: DNSType) -> DNSRecords? {
            switch type {
            case .a, .aaaa: addresses.isEmpty ? nil : .addresses(addresses)
            case .srv: servers.isEmpty ? nil : .servers(servers)
            case .naptr: pointers.isEmpty ? nil : .pointers(pointers)
            case .soa, .cname: nil
            }
        }
    }

    private mutating func read(_ type: DNSType, end: Int, into found: inout Collected) -> Bool {
        switch type {
        case .a:
            guard end - offset == 4 else { return false }
            found.addresses.append(SocketAddress(ipv4: UInt32(long(offset)), port: 0))
        case .aaaa:
            guard end - offset == 16 else { return false }
            let high = UInt64(long(offset)) << 32 | UInt64(long(offset + 4))
            let low = UInt64(long(offset + 8)) << 32 | UInt64(long(offset + 12))
            found.addresses.append(SocketAddress(ipv6: high, low, port: 0))
        case .srv:
            guard end - offset >= 7 else { return false }
            let (priority, weight, port) = (word(offset), word(offset + 2), word(offset + 4))
            offset += 6
            guard let target = name(), offset <= end else { return false }
            found.servers.append(
                SRVRecord(
                    priority: UInt16(priority), weight: UInt16(weight), port: UInt16(port), target: target))
        case .naptr:
            guard end - offset >= 7 else { return false }
            let (order, preference) = (word(offset), word(offset + 2))
            offset += 4
            guard let flags = text(end: end), let service = text(end: end), text(end: end) != nil,
                let replacement = name(), offset <= end
            else { return false }
            found.pointers.append(
                NAPTRRecord(
                    order: UInt16(order), preference: UInt16(preference), flags: flags, service: service,
                    replacement: replacement))
        case .soa, .cname:
            break
        }
        return true
    }

    private func word(_ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }

    private func long(_ at: Int) -> Int { word(at) << 16 | word(at + 2) }

    private mutating func recordHeader() -> (type: UInt16, ttl: Int, length: Int)? {
        guard name() != nil, offset + 10 <= bytes.count else { return nil }
        let type = UInt16(word(offset))
        // RFC 2181 §8: a TTL with the highest bit set is 0.
        let ttl = long(offset + 4)
        let length = word(offset + 8)
        offset += 10
        guard offset + length <= bytes.count else { return nil }
        return (type, ttl > 0x7fff_ffff ? 0 : ttl, length)
    }

    /// A character string (RFC 1035 §3.3).
    private mutating func text(end: Int) -> ByteString? {
        guard offset < end else { return nil }
        let length = Int(bytes[offset])
        guard offset + 1 + length <= end else { return nil }
        let value = ByteString(Array(bytes[offset + 1..<offset + 1 + length]))
        offset += 1 + length
        return value
    }

    /// A name in lower case without the final dot; the root is empty. Leaves `offset` behind it.
    private mutating func name() -> ByteString? {
        var result: [UInt8] = []
        var position = offset
        var lowest = offset
        var hasJumped = false
        while true {
            guard position < bytes.count else { return nil }
            let length = Int(bytes[position])
            switch length {
            case 0:
                if !hasJumped { offset = position + 1 }
                return ByteString(result)
            case 1...63:
                guard position + 1 + length <= bytes.count, result.count + length + 1 <= Self.nameBytesMax else {
                    return nil
                }
                if !result.isEmpty { result.append(UInt8(ascii: ".")) }
                for index in position + 1...position + length { result.append(ASCII.lowercased(bytes[index])) }
                position += 1 + length
            case 0xc0...:
                guard position + 1 < bytes.count else { return nil }
                let target = (length & 0x3f) << 8 | Int(bytes[position + 1])
                guard target < lowest else { return nil }
                if !hasJumped { offset = position + 2 }
                hasJumped = true
                lowest = target
                position = target
            default:
                return nil
            }
        }
    }
}
