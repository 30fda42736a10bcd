import JSONRPC

/// Finds the JSON-RPC replies in what a subscriber writes on its stream. Pure and bounded.
struct ReplyScanner {
    /// Bytes of one reply.
    static let replyBytesMax = 65_536

    private var buffer: [UInt8] = []
    private var scanned = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    /// Takes what one read gave; gives the replies that are complete now, or `nil` when it is no stream of JSON objects.
    mutating func append(_ bytes: ArraySlice<UInt8>) -> [RPCReply]? {
        buffer.append(contentsOf: bytes)
        var replies: [RPCReply] = []
        var start = 0
        while scanned < buffer.count {
            let byte = buffer[scanned]
            scanned += 1
            if depth == 0 {
                if byte == UInt8(ascii: "{") {
                    start = scanned - 1
                    depth = 1
                } else if byte != 0x20, byte != 0x0A, byte != 0x0D, byte != 0x09 {
                    return nil
                }
            } else if step(byte) {
                let text = Array(buffer[start..<scanned])
                guard let value = try? JSONParser.parse(text) else { return nil }
                if let reply = RPCReply(value) { replies.append(reply) }
                start = scanned
            }
        }
        buffer.removeFirst(depth == 0 ? scanned : start)
        scanned = buffer.count
        return buffer.count <= Self.replyBytesMax ? replies : nil
    }

    /// Whether the byte ends the object.
    private mutating func step(_ byte: UInt8) -> Bool {
        if isEscaped {
            isEscaped = false
        } else if isInString {
            isEscaped = byte == UInt8(ascii: "\\")
            if byte == UInt8(ascii: "\"") { isInString = false }
        } else if byte == UInt8(ascii: "\"") {
            isInString = true
        } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
            depth += 1
        } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
            depth -= 1
        }
        return depth == 0
    }
}
