import Bytes
import SIPMessage

/// A session description as it came: body and type.
struct B2BMedia: Sendable {
    var body = ByteString.empty
    var type = ByteString.empty

    init() {}

    init(body: ByteString, type: ByteString) {
        self.body = body
        self.type = type
    }

    /// That of a message; nil when its body is none. What else a multipart body carries goes with it.
    init?(_ message: Message) {
        guard !message.bodyRange.isEmpty, let type = message.value(.contentType),
            Self.isSDP(type) || type.hasPrefixIgnoringCase("multipart/")
        else { return nil }
        body = message.body.compacted()
        self.type = type.compacted()
    }

    var isEmpty: Bool { body.isEmpty }

    fileprivate static func isSDP(_ type: ByteString) -> Bool { type.hasPrefixIgnoringCase("application/sdp") }

    /// The same description with every stream held (RFC 3264 §8.4).
    var onHold: B2BMedia {
        guard Self.isSDP(type) else { return self }
        var writer = ByteWriter(reserving: body.count + 64)
        var hasMedia = false
        for line in body.split(at: ASCII.lineFeed) {
            let line = line.trimmed()
            if line.isEmpty || Self.directions.contains(line) { continue }
            if line.hasPrefix("m=") {
                if hasMedia { writer.append("a=inactive\r\n") }
                hasMedia = true
            }
            writer.append(line)
            writer.append("\r\n")
        }
        if hasMedia { writer.append("a=inactive\r\n") }
        return B2BMedia(body: writer.finishText(), type: type)
    }

    private static let directions: Set<ByteString> = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"]

    /// The words of its `o=` line (RFC 4566 §5.2); empty without one. The first two name the session, the third is the version.
    private var originWords: [ByteString] {
        guard Self.isSDP(type), let line = body.split(at: ASCII.lineFeed).first(where: { $0.hasPrefix("o=") }) else {
            return []
        }
        return line.split(at: ASCII.space)
    }

    /// Who made it, and for which session; nil when it does not say so.
    var origin: ByteString? {
        let words = originWords
        return words.count > 3 ? words[0] + " " + words[1] : nil
    }

    /// The same description with a higher version.
    func raised(by shift: Int) -> B2BMedia {
        let words = originWords
        guard words.count > 3, let version = words[2].decimal(), version < Int.max - shift else { return self }
        var isRaised = false
        var writer = ByteWriter(reserving: body.count + 8)
        for (index, line) in body.split(at: ASCII.lineFeed).enumerated() {
            if index > 0 { writer.append(ASCII.lineFeed) }
            guard !isRaised, line.hasPrefix("o=") else {
                writer.append(line)
                continue
            }
            isRaised = true
            for (place, word) in words.enumerated() {
                if place > 0 { writer.append(ASCII.space) }
                if place == 2 { writer.append(decimal: version + shift) } else { writer.append(word) }
            }
        }
        return B2BMedia(body: writer.finishText(), type: type)
    }
}

/// By how much the versions of somebody's session descriptions are raised, so that each that differs from the one before has a
/// higher one (RFC 3264 §8), also when it was the server that changed it.
struct VersionShift {
    let origin: ByteString
    var by: Int
}

extension B2BEntity {
    /// Remembers the session description of a message of the far end, if it has one.
    func noteMedia(_ message: Message) {
        switch message.isRequest ? message.method : message.cseq?.method ?? .other {
        case .invite, .update, .prack, .ack: B2BMedia(message).map { media = $0 }
        default: break
        }
    }

    /// The server changes a session description that the far end may have as it was.
    func noteChange(of media: B2BMedia) {
        guard let origin = media.origin else { return }
        versionShift = VersionShift(
            origin: origin, by: versionShift?.origin == origin ? (versionShift?.by ?? 0) + 1 : 1)
    }

    /// The server gives a session description back as it was, when it has changed it before.
    func noteReturn(of media: B2BMedia) {
        if let origin = media.origin, origin == versionShift?.origin { versionShift?.by += 1 }
    }

    /// A body as it goes to the far end.
    func outgoing(_ body: ByteString, _ type: ByteString) -> ByteString {
        guard let versionShift, !body.isEmpty else { return body }
        let media = B2BMedia(body: body, type: type)
        return media.origin == versionShift.origin ? media.raised(by: versionShift.by).body : body
    }
}
