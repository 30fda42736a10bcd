import Bytes

/// An SDP body as lines, with its streams (RFC 4566). A value: edits give a new text.
///
/// Lines that are not understood stay as they are; nothing is rejected here. Whatever the number of streams, formats and
/// attributes, each operation goes through the lines a fixed number of times.
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
        var streams: [Stream] = []
        var start: Int?
        for index in 0...lines.count {
            let begins = index < lines.count && lines[index].hasPrefix("m=")
            guard begins || index == lines.count || lines[index].hasPrefix("v=") else { continue }
            if let start { streams.append(stream(start..<index)) }
            start = begins ? index : nil
        }
        return streams
    }

    private func stream(_ range: Range<Int>) -> Stream {
        let words = lines[range.lowerBound].dropFirst(2).split(at: ASCII.space).filter { !$0.isEmpty }
        return Stream(
            lines: range, media: words.first ?? .empty, port: words.count > 1 ? words[1] : .empty,
            transport: words.count > 2 ? words[2] : .empty, formats: Array(words.dropFirst(3)))
    }

    /// Removes the streams that `isWanted` picks, with their attributes. Whether there was one.
    mutating func deleteStreams(where isWanted: (Stream) -> Bool) -> Bool {
        let unwanted = streams.filter(isWanted)
        guard !unwanted.isEmpty else { return false }
        var kept: [ByteString] = []
        kept.reserveCapacity(lines.count)
        var next = 0
        for stream in unwanted {
            kept += lines[next..<stream.lines.lowerBound]
            next = stream.lines.upperBound
        }
        lines = kept + lines[next...]
        return true
    }

    /// Replaces the payload types of streams, given in their order, and drops the attribute lines of those that are gone.
    ///
    /// A stream must have a format (RFC 4566 §9): one that would be left without keeps its first and is refused by port 0
    /// (RFC 3264 §6).
    mutating func setFormats(_ changes: [(stream: Stream, formats: [ByteString])]) {
        var edited: [ByteString] = []
        edited.reserveCapacity(lines.count)
        var next = 0
        for (stream, wanted) in changes {
            let formats = wanted.isEmpty ? Array(stream.formats.prefix(1)) : wanted
            edited += lines[next..<stream.lines.lowerBound]
            edited.append(Self.mediaLine(stream, port: wanted.isEmpty ? "0" : stream.port, formats))
            let gone = Set(stream.formats).subtracting(formats)
            edited += lines[stream.lines].dropFirst().filter { line in
                Self.formatOfAttribute(line).map { !gone.contains($0) } ?? true
            }
            next = stream.lines.upperBound
        }
        lines = edited + lines[next...]
    }

    private static func mediaLine(_ stream: Stream, port: ByteString, _ formats: [ByteString]) -> ByteString {
        var writer = ByteWriter(reserving: formats.reduce(64) { $0 + $1.count + 1 })
        writer.append("m=")
        writer.append(stream.media)
        for word in [port, stream.transport] + formats {
            writer.append(ASCII.space)
            writer.append(word)
        }
        return writer.finishText()
    }

    /// The payload type that a `rtpmap`, `fmtp` or `rtcp-fb` attribute is about; nil of any other line.
    private static func formatOfAttribute(_ line: ByteString) -> ByteString? {
        for name in ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"] as [StaticString] where line.hasPrefix(name) {
            let rest = line.dropFirst(name.utf8CodeUnitCount)
            return rest.prefix(rest.first(of: ASCII.space) ?? rest.count)
        }
        return nil
    }

    /// Name and clock of the payload types of `stream` that have an `rtpmap`; of several the first counts.
    func mappedCodecs(of stream: Stream) -> [ByteString: (name: ByteString, clock: ByteString)] {
        var codecs: [ByteString: (name: ByteString, clock: ByteString)] = [:]
        for line in lines[stream.lines] where line.hasPrefix("a=rtpmap:") {
            guard let format = Self.formatOfAttribute(line), codecs[format] == nil else { continue }
            let parts = line.dropFirst(9 + format.count).trimmed().split(at: ASCII.slash)
            codecs[format] = (parts.first ?? .empty, parts.count > 1 ? parts[1] : .empty)
        }
        return codecs
    }

    /// Name and clock that a payload type has by RFC 3551.
    static func staticCodec(_ format: ByteString) -> (name: ByteString, clock: ByteString)? {
        guard let number = format.decimal() else { return nil }
        return staticCodecs.first { $0.format == number }.map { ($0.name, $0.clock) }
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
