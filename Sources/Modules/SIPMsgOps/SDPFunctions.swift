import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `codec_*`, `stream_*` and `is_audio_on_hold`: on every SDP part of the body as it stands.
enum SDPFunctions {
    static let all: [String: HostFunction] = [
        "is_audio_on_hold": { call in
            for text in texts(call.context) {
                if let hold = HoldKind(text) { return .done(hold.rawValue) }
            }
            return .no
        },
        "stream_exists": { call in
            guard let picks = streamFilter(call) else { return .no }
            return Outcome(texts(call.context).contains { $0.streams.contains(where: picks) })
        },
        "stream_delete": { call in
            guard let picks = streamFilter(call) else { return .no }
            return Outcome(edit(call.context) { $0.deleteStreams(where: picks) })
        },
        "codec_exists": { call in byName(call, .exists) },
        "codec_delete": { call in byName(call, .delete) },
        "codec_move_up": { call in byName(call, .moveUp) },
        "codec_move_down": { call in byName(call, .moveDown) },
        "codec_exists_re": { call in byPattern(call, .exists) },
        "codec_delete_re": { call in byPattern(call, .delete) },
        "codec_delete_except_re": { call in byPattern(call, .deleteOthers) },
        "codec_move_up_re": { call in byPattern(call, .moveUp) },
        "codec_move_down_re": { call in byPattern(call, .moveDown) },
    ]

    private static let mime: ByteString = "application/sdp"

    private static func texts(_ context: MessageContext) -> [SDPText] {
        BodyFunctions.parts(context).parts.filter { $0.isOf(mime) }.map { SDPText($0.body) }
    }

    private static func streamFilter(_ call: borrowing Call) -> ((SDPText.Stream) -> Bool)? {
        guard let media = call.regularExpression(0) else { return nil }
        let transport = call.isPresent(1) ? call.regularExpression(1) : nil
        return { stream in media.matches(stream.media) && (transport?.matches(stream.transport) ?? true) }
    }

    private static func byName(_ call: borrowing Call, _ edit: CodecEdit) -> Outcome {
        guard let name = call.string(0) else { return .no }
        let clock = call.string(1)
        return apply(call.context, edit) { codec, rate in
            codec.equalsIgnoringCase(name) && (clock.map { rate.equalsIgnoringCase($0) } ?? true)
        }
    }

    private static func byPattern(_ call: borrowing Call, _ edit: CodecEdit) -> Outcome {
        guard let pattern = call.regularExpression(0) else { return .no }
        return apply(call.context, edit) { codec, _ in pattern.matches(codec) }
    }

    private static func apply(
        _ context: MessageContext, _ codecEdit: CodecEdit, _ matches: (ByteString, ByteString) -> Bool
    ) -> Outcome {
        if codecEdit == .exists {
            return Outcome(
                texts(context).contains { text in
                    var copy = text
                    return codecEdit.apply(to: &copy, where: matches)
                })
        }
        return Outcome(edit(context) { codecEdit.apply(to: &$0, where: matches) })
    }

    /// Changes the SDP parts with `body`, which says whether it did.
    private static func edit(_ context: MessageContext, _ body: (inout SDPText) -> Bool) -> Bool {
        var parts = BodyFunctions.parts(context)
        var isChanged = false
        for index in parts.parts.indices where parts.parts[index].isOf(mime) {
            var text = SDPText(parts.parts[index].body)
            guard body(&text) else { continue }
            parts.setBody(text.serialized, at: index)
            isChanged = true
        }
        if isChanged { BodyFunctions.store(parts, in: context) }
        return isChanged
    }
}
