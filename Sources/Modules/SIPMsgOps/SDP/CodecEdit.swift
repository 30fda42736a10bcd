import Bytes

/// What the `codec_*` functions do to an SDP body.
enum CodecEdit {
    case exists, delete, deleteOthers, moveUp, moveDown

    /// Applies the edit to the codecs that `matches` picks by name and clock, in every stream.
    /// - Returns: whether there was such a codec (`exists`), or whether anything changed.
    func apply(to text: inout SDPText, where matches: (_ name: ByteString, _ clock: ByteString) -> Bool) -> Bool {
        var result = false
        var changes: [(stream: SDPText.Stream, formats: [ByteString])] = []
        for stream in text.streams {
            var picked: [ByteString] = []
            var others: [ByteString] = []
            let mapped = text.mappedCodecs(of: stream)
            for format in stream.formats {
                if let codec = mapped[format] ?? SDPText.staticCodec(format), matches(codec.name, codec.clock) {
                    picked.append(format)
                } else {
                    others.append(format)
                }
            }
            let formats: [ByteString]
            switch self {
            case .exists:
                if !picked.isEmpty { return true }
                continue
            case .delete: formats = others
            case .deleteOthers: formats = picked
            case .moveUp: formats = picked + others
            case .moveDown: formats = others + picked
            }
            let acted = self == .deleteOthers ? !others.isEmpty : !picked.isEmpty
            guard acted else { continue }
            result = true
            if formats != stream.formats { changes.append((stream, formats)) }
        }
        if !changes.isEmpty { text.setFormats(changes) }
        return result
    }
}

/// Whether an audio stream is on hold, and how (`is_audio_on_hold`).
enum HoldKind: Int32 {
    /// A null connection address (RFC 2543).
    case nullAddress = 1
    /// `a=sendonly` or `a=inactive` (RFC 3264).
    case direction = 2

    /// The hold of the first audio stream of `text` that is on hold.
    init?(_ text: SDPText) {
        let streams = text.streams
        let head = text.lines[..<(streams.first?.lines.lowerBound ?? text.lines.endIndex)]
        let headConnection = head.first { $0.hasPrefix("c=") }
        let headDirection = head.last(where: Self.isDirection)
        for stream in streams where stream.media.equalsIgnoringCase("audio") {
            let lines = text.lines[stream.lines]
            let connection = lines.first { $0.hasPrefix("c=") } ?? headConnection
            if let address = connection?.split(at: ASCII.space).last, address == "0.0.0.0" || address == "::" {
                self = .nullAddress
                return
            }
            let direction = lines.last(where: Self.isDirection) ?? headDirection
            if let direction, direction == "a=sendonly" || direction == "a=inactive" {
                self = .direction
                return
            }
        }
        return nil
    }

    private static func isDirection(_ line: ByteString) -> Bool {
        line == "a=sendonly" || line == "a=inactive" || line == "a=sendrecv" || line == "a=recvonly"
    }
}
