import Bytes

/// An SDP body as lines, with its streams (RFC 4566). A value: edits give a new text.
///
/// Lines that are not understood stay as they are; nothing is rejected here.
struct SDPText {
    /// Without their line ends.
    private(set) var lines: [ByteString]
    /// `\r\n` or `\n`, whichever the body uses.
    private let lineEnd: StaticString
    private let endsWithLineEnd: Bool

    /// One `m=` line with all that belongs to it.
    struct Stream {
        /// Index of the `m=` line and of the lines up to the next stream.
        let lines: Range<Int>
        /// `audio`
        let media: ByteString
        let port: ByteString
        /// `RTP/AVP`
        let transport: ByteString
        /// Payload types, in the order of preference.
        let formats: [ByteString]
    }

    /// Takes `body` apart; slices of it are kept.
    init(_ body: ByteString) {
        var lines = body.split(at: ASCII.lineFeed)
        endsWithLineEnd = lines.last?.isEmpty ?? false
        if endsWithLineEnd { lines.removeLast() }
        lineEnd = lines.contains { $0.last == ASCII.carriageReturn } ? "\r\n" : "\n"
        self.lines = lines.map { $0.last == ASCII.carriageReturn ? $0.dropLast(1) : $0 }
    }

    /// The body again.
    var serialized: ByteString {
        var writer = ByteWriter(reserving: lines.reduce(0) { $0 + $1.count + 2 })
        for (index, line) in lines.enumerated() {
            writer.append(line)
            if index + 1 < lines.count || endsWithLineEnd { writer.append(lineEnd) }
        }
        return writer.finishText()
    }

    /// Whether it looks like SDP at all: the lines are `x=…` and begin with the version.
    var isWellFormed: Bool {
        lines.first == ("v=0" as ByteString)
            && lines.allSatisfy { line in
                line.isEmpty || (line.count >= 2 && ASCII.isAlpha(line[0]) && line[1] == ASCII.equal)
            }
            && streams.allSatisfy {
                !$0.media.isEmpty && !$0.transport.isEmpty && $0.port.first.map(ASCII.isDigit) == true
            }
    }

    /// The streams of all sessions, in order.
    var streams: [Stream] {
        let starts = lines.indices.filter { lines[$0].hasPrefix("m=") }
        let sessions = lines.indices.filter { lines[$0].hasPrefix("v=") }
        return starts.enumerated().map { position, start in
            let next = position + 1 < starts.count ? starts[position + 1] : lines.count
            let end = sessions.first { $0 > start && $0 < next } ?? next
            let words = lines[start].dropFirst(2).split(at: ASCII.space).filter { !$0.isEmpty }
            return Stream(
                lines: start..<end, media: words.first ?? .empty, port: words.count > 1 ? words[1] : .empty,
                transport: words.count > 2 ? words[2] : .empty, formats: Array(words.dropFirst(3)))
        }
    }

    /// Removes the streams that `isWanted` picks, with their attributes. Whether there was one.
    mutating func deleteStreams(where isWanted: (Stream) -> Bool) -> Bool {
        let unwanted = streams.filter(isWanted)
        for stream in unwanted.reversed() { lines.removeSubrange(stream.lines) }
        return !unwanted.isEmpty
    }

    /// Replaces the payload types of `stream` and drops the attribute lines of those that are gone.
    mutating func setFormats(_ formats: [ByteString], of stream: Stream) {
        let gone = stream.formats.filter { !formats.contains($0) }
        var writer = ByteWriter(reserving: lines[stream.lines.lowerBound].count)
        writer.append("m=")
        writer.append(stream.media)
        for word in [stream.port, stream.transport] + formats {
            writer.append(ASCII.space)
            writer.append(word)
        }
        lines[stream.lines.lowerBound] = writer.finishText()
        for index in stream.lines.reversed() where gone.contains(where: { Self.attribute(lines[index], isOf: $0) }) {
            lines.remove(at: index)
        }
    }

    /// Whether `line` is the `rtpmap`, `fmtp` or `rtcp-fb` attribute of the payload type `format`.
    private static func attribute(_ line: ByteString, isOf format: ByteString) -> Bool {
        for name in ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"] as [StaticString] where line.hasPrefix(name) {
            let rest = line.dropFirst(name.utf8CodeUnitCount)
            return rest.hasPrefix(format) && (rest.count == format.count || rest[format.count] == ASCII.space)
        }
        return false
    }

    /// Name and clock of a payload type of `stream`: from its `rtpmap`, else from RFC 3551.
    func codec(_ format: ByteString, of stream: Stream) -> (name: ByteString, clock: ByteString)? {
        for line in lines[stream.lines]
        where line.hasPrefix("a=rtpmap:") && Self.attribute(line, isOf: format) {
            let parts = line.dropFirst(9 + format.count).trimmed().split(at: ASCII.slash)
            guard let name = parts.first else { return nil }
            return (name, parts.count > 1 ? parts[1] : .empty)
        }
        guard let number = format.decimal() else { return nil }
        return Self.staticCodecs.first { $0.format == number }.map { ($0.name, $0.clock) }
    }

    /// Payload types that mean a codec without saying so (RFC 3551 §6).
    private static let staticCodecs: [(format: Int, name: ByteString, clock: ByteString)] = [
        (0, "PCMU", "8000"), (3, "GSM", "8000"), (4, "G723", "8000"), (5, "DVI4", "8000"), (6, "DVI4", "16000"),
        (7, "LPC", "8000"), (8, "PCMA", "8000"), (9, "G722", "8000"), (10, "L16", "44100"), (11, "L16", "44100"),
        (12, "QCELP", "8000"), (13, "CN", "8000"), (14, "MPA", "90000"), (15, "G728", "8000"), (16, "DVI4", "11025"),
        (17, "DVI4", "22050"), (18, "G729", "8000"), (25, "CelB", "90000"), (26, "JPEG", "90000"),
        (28, "nv", "90000"), (31, "H261", "90000"), (32, "MPV", "90000"), (33, "MP2T", "90000"), (34, "H263", "90000"),
    ]
}
