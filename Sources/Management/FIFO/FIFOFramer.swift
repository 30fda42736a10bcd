import JSONRPC

/// One request as it stood in the FIFO.
enum FIFOFrame: Hashable {
    /// The bytes between the header and the end of the request; whether they are JSON is for others to say.
    case request(replyName: [UInt8], json: [UInt8])
    /// Not a request; answered when it came with a usable name.
    case bad(replyName: [UInt8]?, RPCError)
}

/// Cuts the byte stream of the FIFO into requests `:NAME:{json}`. Pure and bounded.
///
/// Nothing but JSON's own brackets says where a request ends. So a request that some client wrote by half would swallow
/// what others write after it. It is given up when a piece or a line begins like a request (no line of JSON does), or when
/// it was waited for long enough (``abandon()``); what was swallowed is looked for and carried out.
struct FIFOFramer {
    /// Bytes of a reply name.
    static let nameBytesMax = 200

    private var buffer: [UInt8] = []
    private let requestBytesMax: Int
    /// Where in the buffer the scan for the end of the present request goes on; 0 before it begins.
    private var scan = Scan()
    private var ready: [FIFOFrame] = []

    private struct Scan {
        var offset = 0
        var depth = 0
        var isInString = false
        var isEscaped = false
    }

    init(requestBytesMax: Int) { self.requestBytesMax = requestBytesMax }

    /// Whether something waits for its rest.
    var isIncomplete: Bool { !buffer.isEmpty }

    /// Takes what one read gave; gives the requests that are complete now.
    mutating func append(_ chunk: [UInt8]) -> [FIFOFrame] {
        if isIncomplete, Self.startsRequest(chunk, at: 0) { giveUp(.incomplete) }
        buffer.append(contentsOf: chunk)
        return frames()
    }

    /// Gives up what is incomplete; gives it as a bad frame, and requests found after it. Only what stands last may wait
    /// once more.
    mutating func abandon() -> [FIFOFrame] {
        giveUp(.incomplete)
        while step() {}
        while Self.firstRequest(in: buffer, from: 1) != nil {
            giveUp(.incomplete)
            while step() {}
        }
        return frames()
    }

    private mutating func frames() -> [FIFOFrame] {
        while step() {}
        defer { ready.removeAll() }
        return ready
    }

    /// Takes one request off the front; `false` when the rest must wait.
    private mutating func step() -> Bool {
        if scan.offset == 0 { dropBlank() }
        guard let first = buffer.first else { return false }
        guard first == UInt8(ascii: ":") else {
            ready.append(.bad(replyName: nil, RPCError.parseError.with(data: "a request begins with ':'")))
            resynchronise()
            return true
        }
        guard let header = header() else {
            if buffer.count <= Self.nameBytesMax + 2, !buffer.contains(UInt8(ascii: "\n")) { return false }
            ready.append(.bad(replyName: nil, RPCError.parseError.with(data: "a request begins with ':NAME:'")))
            resynchronise()
            return true
        }
        var start = header.upperBound + 1
        while start < buffer.count, Self.isBlank(buffer[start]) { start += 1 }
        guard start < buffer.count else { return false }
        guard buffer[start] == UInt8(ascii: "{") || buffer[start] == UInt8(ascii: "[") else {
            if Self.startsRequest(buffer, at: start) { return giveUp(header, before: start) }
            let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) ?? buffer.count
            take(header, start..<end)
            return true
        }
        switch scanEnd(from: start) {
        case .end(let end): take(header, start..<end)
        case .nextRequest(let next): return giveUp(header, before: next)
        case .more:
            guard buffer.count > requestBytesMax else { return false }
            giveUp(.tooLong)
        }
        return true
    }

    /// Gives up the request in front, because another one begins at `next`.
    private mutating func giveUp(_ name: Range<Int>, before next: Int) -> Bool {
        ready.append(.bad(replyName: Array(buffer[name]), .incomplete))
        buffer.removeFirst(next)
        scan = Scan()
        return true
    }

    /// The bytes of the name, when both colons are there.
    private func header() -> Range<Int>? {
        for index in 1..<min(buffer.count, Self.nameBytesMax + 2) {
            if buffer[index] == UInt8(ascii: ":") { return 1..<index }
            if buffer[index] == UInt8(ascii: "\n") { return nil }
        }
        return nil
    }

    private mutating func take(_ name: Range<Int>, _ json: Range<Int>) {
        let text = Array(buffer[json])
        let name = Array(buffer[name])
        // A half request may have swallowed others: then this is no JSON, and a later part of it begins a request.
        if let next = Self.firstRequest(in: text, from: 1), (try? JSONParser.parse(text)) == nil {
            buffer.removeFirst(json.lowerBound + next)
            ready.append(.bad(replyName: name, .incomplete))
        } else if text.count > requestBytesMax {
            buffer.removeFirst(json.upperBound)
            ready.append(.bad(replyName: name, .tooLong))
        } else {
            buffer.removeFirst(json.upperBound)
            ready.append(.request(replyName: name, json: text))
        }
        scan = Scan()
    }

    private mutating func giveUp(_ error: RPCError) {
        guard !buffer.isEmpty else { return }
        ready.append(.bad(replyName: header().map { Array(buffer[$0]) }, error))
        resynchronise()
    }

    /// Drops what is in front up to the next thing that looks like a request.
    private mutating func resynchronise() {
        scan = Scan()
        buffer.removeFirst(Self.firstRequest(in: buffer, from: 1) ?? buffer.count)
    }

    private mutating func dropBlank() {
        let count = buffer.firstIndex { !Self.isBlank($0) } ?? buffer.count
        if count > 0 { buffer.removeFirst(count) }
    }

    private enum ScanResult {
        /// The index after the bracket that closes the first one.
        case end(Int)
        /// A line begins another request.
        case nextRequest(Int)
        case more
    }

    /// Looks for the bracket that closes the one at `start`.
    private mutating func scanEnd(from start: Int) -> ScanResult {
        if scan.offset == 0 { scan.offset = start }
        while scan.offset < buffer.count {
            let byte = buffer[scan.offset]
            scan.offset += 1
            if byte == UInt8(ascii: "\n"), Self.startsRequest(buffer, at: scan.offset) {
                return .nextRequest(scan.offset)
            }
            if scan.isEscaped {
                scan.isEscaped = false
            } else if scan.isInString {
                if byte == UInt8(ascii: "\\") { scan.isEscaped = true }
                if byte == UInt8(ascii: "\"") { scan.isInString = false }
            } else if byte == UInt8(ascii: "\"") {
                scan.isInString = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                scan.depth += 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                scan.depth -= 1
                if scan.depth == 0 { return .end(scan.offset) }
            }
        }
        return .more
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 || byte == 0
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Whether `:NAME:{` stands at `index`.
    private static func startsRequest(_ bytes: [UInt8], at index: Int) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return false }
        var next = index + 1
        while next < bytes.count, next - index <= nameBytesMax, isNameByte(bytes[next]) { next += 1 }
        guard next < bytes.count, bytes[next] == UInt8(ascii: ":") else { return false }
        next += 1
        while next < bytes.count, isBlank(bytes[next]) { next += 1 }
        return next < bytes.count && bytes[next] == UInt8(ascii: "{")
    }

    private static func firstRequest(in bytes: [UInt8], from start: Int) -> Int? {
        guard start < bytes.count else { return nil }
        return (start..<bytes.count).first { startsRequest(bytes, at: $0) }
    }
}

extension RPCError {
    fileprivate static let incomplete = RPCError.parseError.with(data: "the request is incomplete")
    fileprivate static let tooLong = RPCError.invalidRequest.with(data: "the request is too long")
}
