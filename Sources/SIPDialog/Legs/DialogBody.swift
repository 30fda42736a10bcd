package import Bytes
package import SIPMessage

/// A body as one side sent it, with its type: what is said again in its name keeps both.
package struct DialogBody: Sendable, Equatable {
    /// Bodies longer than this are not kept.
    package static let bytesMax = 8192
    package static let none = DialogBody()
    /// What a body without a Content-Type is taken for.
    private static let typeDefault: ByteString = "application/sdp"

    /// Empty: there was none, or it was too long to be kept.
    package let text: ByteString
    package let type: ByteString

    package var isEmpty: Bool { text.isEmpty }

    private init() {
        text = .empty
        type = .empty
    }

    /// In storage of its own; nil when there is nothing, empty when it is too long to be kept: what was said before is then
    /// nobody's session any more.
    package init?(_ text: ByteString, type: ByteString?) {
        guard !text.isEmpty else { return nil }
        guard text.count <= Self.bytesMax else {
            (self.text, self.type) = (.empty, .empty)
            return
        }
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

    /// The body that leaves when the edits are made; empty when they take it away.
    package init?(of message: Message, with edits: MessageEdits) {
        guard edits.changesBody(of: message) else {
            self.init(of: message)
            return
        }
        // The limits of what is received are kept by it: an edited message that passes them is not understood either.
        guard let sent = try? Message.parse(edits.apply(to: message)), let body = DialogBody(of: sent) else {
            self.init()
            return
        }
        self = body
    }
}
