import Bytes
import Reactor

/// The record types that locating a SIP server needs.
enum DNSType: UInt16, BitwiseCopyable, Hashable, Sendable {
    case a = 1
    case soa = 6
    case aaaa = 28
    case srv = 33
    case naptr = 35
    case cname = 5
}

/// A question: a name in lower case without the final dot, and a type.
struct DNSQuestion: Hashable, Sendable {
    var name: ByteString
    var type: DNSType

    /// Lower case, no final dot; nil for what is not a host name (RFC 1035 §2.3.4).
    static func normalized(_ name: ByteString) -> ByteString? {
        var name = name.lowercased()
        if name.last == UInt8(ascii: ".") { name = name.dropLast(1) }
        guard (1...253).contains(name.count) else { return nil }
        for label in name.split(at: UInt8(ascii: ".")) {
            guard (1...63).contains(label.count) else { return nil }
            for index in label.indices {
                let byte = label[index]
                guard byte > 32, byte != 127, byte != UInt8(ascii: "\\") else { return nil }
            }
        }
        return name
    }
}

struct SRVRecord: Hashable, Sendable {
    var priority: UInt16
    var weight: UInt16
    var port: UInt16
    var target: ByteString
}

struct NAPTRRecord: Hashable, Sendable {
    var order: UInt16
    var preference: UInt16
    var flags: ByteString
    var service: ByteString
    var replacement: ByteString
}

/// What a name has of one type.
enum DNSRecords: Hashable, Sendable {
    /// Port 0.
    case addresses([SocketAddress])
    case servers([SRVRecord])
    case pointers([NAPTRRecord])
}

/// What became of a question.
enum DNSAnswer: Hashable, Sendable {
    case found(DNSRecords)
    /// The name does not exist, or has nothing of the type.
    case nothing
    case timeout
    case failure
}
