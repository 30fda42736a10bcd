import Bytes

/// `{sdp.…}`: lines and streams of a session description (RFC 4566).
enum SDPTransformations {
    static let all: [TransformationDefinition] = [
        .text("sdp", "line", arguments: 1...2) { text, call in
            guard let wanted = call.string(0)?.first else { return .null }
            let index = call.count > 1 ? call.integer(1) : 0
            guard let index, index >= 0 else { return .null }
            let lines = lines(text).filter { $0.first == wanted && $0.count > 1 && $0[1] == ASCII.equal }
            return index < lines.count ? .string(lines[index]) : .null
        },
        .text("sdp", "stream", arguments: 1...1) { text, call in
            guard let key = call.string(0) else { return .null }
            let streams = streams(text)
            guard let found = matching(key, in: streams, of: text).first else { return .null }
            return .string(text.slice(streams[found]))
        },
        .text("sdp", "stream-delete", arguments: 1...1) { text, call in
            guard let key = call.string(0) else { return .null }
            let streams = streams(text)
            let gone = matching(key, in: streams, of: text)
            guard !gone.isEmpty else { return .null }
            var writer = ByteWriter(reserving: text.count)
            writer.append(text.prefix(streams.first?.lowerBound ?? text.count))
            for (index, stream) in streams.enumerated() where !gone.contains(index) {
                writer.append(text.slice(stream))
            }
            return .string(writer.finishText())
        },
    ]

    private static func lines(_ text: ByteString) -> [ByteString] {
        text.split(at: ASCII.lineFeed).map { line in
            line.last == ASCII.carriageReturn ? line.dropLast(1) : line
        }
    }

    /// Where each stream lies: from its `m=` line to the next.
    private static func streams(_ text: ByteString) -> [Range<Int>] {
        var starts: [Int] = []
        var lineStart = 0
        while lineStart < text.count {
            if text.dropFirst(lineStart).hasPrefix("m=") { starts.append(lineStart) }
            lineStart = (text.first(of: ASCII.lineFeed, from: lineStart) ?? text.count) + 1
        }
        return starts.indices.map { starts[$0]..<($0 + 1 < starts.count ? starts[$0 + 1] : text.count) }
    }

    /// The streams that an index or a media type stands for.
    private static func matching(_ key: ByteString, in streams: [Range<Int>], of text: ByteString) -> [Int] {
        if let index = key.decimal() {
            return CSVTransformations.position(index, count: streams.count).map { [$0] } ?? []
        }
        return streams.indices.filter { index in
            let media = text.slice(streams[index]).dropFirst(2)
            let end = media.first(of: ASCII.space) ?? media.count
            return media.prefix(end).equalsIgnoringCase(key)
        }
    }
}
