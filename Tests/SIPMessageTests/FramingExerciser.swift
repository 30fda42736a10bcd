import Bytes
import SIPMessage

/// What must hold for a framer whatever it is fed: shared by the tests and the fuzzer.
enum FramingExerciser {
    /// What is broken, in words; nil when all holds.
    static func violation(_ bytes: [UInt8]) -> String? {
        var limits = FramingLimits.default
        limits.messageBytesMax = 512
        limits.headBytesMax = 256
        limits.startLineBytesMax = 64
        let whole = items([bytes[...]], limits)
        if items(bytes.indices.map { bytes[$0...$0] }, limits) != whole { return "byte by byte it is another stream" }
        var chunks: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        var size = 1
        while !rest.isEmpty {
            chunks.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            size = size % 13 + 3
        }
        if items(chunks, limits) != whole { return "in pieces it is another stream" }
        for case .message(let message) in whole {
            if message.count > limits.messageBytesMax { return "a message passes messageBytesMax" }
            if let parsed = try? Message.parse(message), parsed.bodyRange.end != message.count {
                return "framer and parser see other ends"
            }
        }
        return nil
    }

    private static func items(_ chunks: [ArraySlice<UInt8>], _ limits: FramingLimits) -> [StreamFramer.Item] {
        var framer = StreamFramer(limits: limits)
        var items: [StreamFramer.Item] = []
        for chunk in chunks {
            framer.append(chunk)
            while let item = framer.next() {
                items.append(item)
                if case .fault = item { return items }
            }
        }
        return items
    }
}
