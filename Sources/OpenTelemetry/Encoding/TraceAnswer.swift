import Foundation
import JSONRPC
import SwiftProtobuf

/// What a collector says of a request that it took (`ExportTraceServiceResponse`).
package struct TraceAnswer: Sendable, Hashable {
    /// Spans of the request that it did not take; not to be sent again (OTLP, "Partial Success").
    package var rejectedSpans: Int = 0
    /// Why, or a warning when none was rejected.
    package var message: String = ""

    package init(rejectedSpans: Int = 0, message: String = "") {
        self.rejectedSpans = rejectedSpans
        self.message = message
    }

    /// Reads an answer; nil for bytes that are none. Nothing at all is a full success.
    package init?(_ bytes: [UInt8], encoding: TraceEncoding) {
        guard !bytes.isEmpty else {
            self.init()
            return
        }
        switch encoding {
        case .protobuf:
            guard let response = try? WireResponse(serializedBytes: bytes) else { return nil }
            self.init(response)
        case .json:
            guard
                let value = try? JSONParser.parse(bytes, limits: JSONLimits(textBytesMax: ExportLimits.answerBytesMax)),
                case .object(let object) = value
            else { return nil }
            self.init(object)
        }
    }

    init(_ response: WireResponse) {
        self.init(
            rejectedSpans: Int(clamping: max(0, response.partialSuccess.rejectedSpans)),
            message: String(response.partialSuccess.errorMessage.prefix(ExportLimits.messageCharactersMax)))
    }

    private init(_ object: JSONObject) {
        let partial = object["partialSuccess"]
        // A 64-bit number: a text by the mapping, a number from those who don't mind it.
        let rejected = partial?["rejectedSpans"]
        self.init(
            rejectedSpans: max(0, rejected?.integerValue ?? rejected?.stringValue.flatMap(Int.init) ?? 0),
            message: String((partial?["errorMessage"]?.stringValue ?? "").prefix(ExportLimits.messageCharactersMax)))
    }
}
