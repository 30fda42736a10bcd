package import Bytes
package import SIPMessage

/// A body as one side sent it, with its type: what is said again in its name keeps both.
package struct DialogBody: Sendable, Equatable {
    /// Bodies longer than this are not kept.
    package static let bytesMax = 8192
    package static let none = DialogBody()
    /// What a body without a Content-Type is taken for.
    private static let typeDefault: ByteString = "application/sdp"

    package let text: ByteString
    package let type: ByteString

    package var isEmpty: Bool { text.isEmpty }

    private init() {
        text = .empty
        type = .empty
    }

    /// In storage of its own; nil when there is nothing, or it is too long to be kept.
    package init?(_ text: ByteString, type: ByteString?) {
        guard !text.isEmpty, text.count <= Self.bytesMax else { return nil }
        self.text = text.compacted()
        guard let type, !type.isEmpty, type != Self.typeDefault else {
            self.type = Self.typeDefault
            return
        }
        self.type = type.compacted()
    }

    package init?(of message: Message) {
        guard !message.body.isEmpty else { return nil }
        self.init(message.body, type: message.value(.contentType))
    }
}
