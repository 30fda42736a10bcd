import JSONRPC

/// One request as it stood in the FIFO.
enum FIFOFrame: Hashable {
    /// The bytes between the header and the end of the request; whether they are JSON is for others to say.
    case request(replyName: [UInt8], json: [UInt8])
    /// Not a request; answered when it came with a usable name.
    case bad(replyName: [UInt8]?, RPCError)
}

/// Cuts the byte stream of the FIFO into requests `:NAME:{json}` or `:NAME:[json]`. Pure and bounded.
///
/// Nothing but JSON's own brackets says where a request ends. So a request that some client wrote by half would swallow
/// what others write after it. It is given up when a piece or a line begins like a request (no line of JSON does), or when
/// it was waited for long enough (``abandon()``); what was swallowed is looked for and carried out.
///
/// No byte is looked at more often than a fixed number of times, whatever is written: between two beginnings of a line that
/// are also those of a request, `recoveriesMax` requests are looked for behind what was given up.
struct FIFOFramer {
    /// Bytes of a reply name.
    static let nameBytesMax = 200
    /// How often in one line it is gone on with the next request behind what was given up; then with the last.
    static let recoveriesMax = 16

    private var buffer: [UInt8] = []
    /// Where in the buffer the present request begins; what stands before it goes with the next ``frames()``.
    private var front = 0
    private let requestBytesMax: Int
    private var scan = Scan()
    private var recoveries = 0
    private var ready: [FIFOFrame] = []

    /// The search for the end of the present request: as far as it has come.
    private struct Scan {
        /// Where it goes on; 0 before it begins.
        var offset = 0
        /// Where the JSON begins; 0 while only blanks were seen behind the name.
        var start = 0
        var depth = 0
        var isInString = false
        var isEscaped = false
    }

    init(requestBytesMax: Int) { self.requestBytesMax = requestBytesMax }

    /// Whether something waits for its rest.
    var isIncomplete: Bool { front < buffer.count }

    /// Takes what one read gave; gives the requests that are complete now.
    mutating func append(_ chunk: [UInt8]) -> [FIFOFrame] {
        // Nobody writes the rest of what stands before it any more.
        if Self.startsRequest(chunk, at: 0) {
            while isIncomplete { giveUpFirst() }
            recoveries = 0
        }
        buffer.append(contentsOf: chunk)
        return frames()
    }

    /// Gives up what is incomplete; gives it as a bad frame, and requests found after it. Only what stands last may wait
    /// once more.
    mutating func abandon() -> [FIFOFrame] {
        if isIncomplete { giveUpFirst() }
        while isIncomplete, firstRequest(from: front + 1, to: buffer.count) != nil { giveUpFirst() }
        return frames()
    }

    private mutating func giveUpFirst() {
        giveUp(.incomplete)
        while step() {}
    }

    private mutating func frames() -> [FIFOFrame] {
        while step() {}
        buffer.removeFirst(front)
        scan.offset = max(0, scan.offset - front)
        scan.start = max(0, scan.start - front)
        front = 0
        if buffer.isEmpty { recoveries = 0 }
        defer { ready.removeAll() }
        return ready
    }

    /// Takes one request off the front; `false` when the rest must wait.
    private mutating func step() -> Bool {
        if scan.offset == 0 { while front < buffer.count, Self.isBlank(buffer[front]) { front += 1 } }
        guard front < buffer.count else { return false }
        guard buffer[front] == UInt8(ascii: ":") else { return drop("a request begins with ':'") }
        guard let name = name() else {
            let isShort = buffer.count - front <= Self.nameBytesMax + 2
            if isShort, !buffer[front...].contains(UInt8(ascii: "\n")) { return false }
            return drop("a request begins with ':NAME:'")
        }
        if scan.start == 0 {
            scan.offset = max(scan.offset, name.upperBound + 1)
            while scan.offset < buffer.count, Self.isBlank(buffer[scan.offset]) { scan.offset += 1 }
            guard scan.offset < buffer.count else { return isTooLong() }
            let start = scan.offset
            guard buffer[start] == UInt8(ascii: "{") || buffer[start] == UInt8(ascii: "[") else {
                if Self.startsRequest(buffer, at: start) { return giveUp(name, before: start) }
                take(name, start..<(buffer[start...].firstIndex(of: UInt8(ascii: "\n")) ?? buffer.count))
                return true
            }
            scan.start = start
        }
        switch scanEnd() {
        case .end(let end): take(name, scan.start..<end)
        case .nextRequest(let next): return giveUp(name, before: next)
        case .more: return isTooLong()
        }
        return true
    }

    /// Gives up what is longer than a request may be; `false` when more of it may come.
    private mutating func isTooLong() -> Bool {
        guard buffer.count - front > requestBytesMax else { return false }
        giveUp(.tooLong)
        return true
    }

    /// What stands in front is nothing that could be answered.
    private mutating func drop(_ reason: String) -> Bool {
        ready.append(.bad(replyName: nil, RPCError.parseError.with(data: reason)))
        moveOn(to: firstRequest(from: front + 1, to: buffer.count) ?? buffer.count)
        return true
    }

    /// Gives up the request in front, because another one begins at `next`.
    private mutating func giveUp(_ name: Range<Int>, before next: Int) -> Bool {
        ready.append(.bad(replyName: Array(buffer[name]), .incomplete))
        moveOn(to: next)
        return true
    }

    /// Gives up the request in front, and goes on with what looks like one behind its beginning.
    private mutating func giveUp(_ error: RPCError) {
        ready.append(.bad(replyName: name().map { Array(buffer[$0]) }, error))
        recover(before: buffer.count)
    }

    /// Goes on with the first request behind the beginning of the present one; when that was done often enough in this
    /// line, with the next line that begins one, or with the last of all: it may be that of a client that is in order.
    private mutating func recover(before end: Int) {
        var next = firstRequest(from: front + 1, to: end)
        if recoveries >= Self.recoveriesMax {
            while let found = next, !beginsLine(found), let later = firstRequest(from: found + 1, to: end) {
                next = later
            }
        }
        recoveries += 1
        moveOn(to: next ?? end)
    }

    private mutating func moveOn(to index: Int) {
        front = index
        scan = Scan()
        if beginsLine(index) { recoveries = 0 }
    }

    private func beginsLine(_ index: Int) -> Bool { index > 0 && buffer[index - 1] == UInt8(ascii: "\n") }

    /// The bytes of the name, when both colons are there.
    private func name() -> Range<Int>? {
        for index in (front + 1)..<max(front + 1, min(buffer.count, front + Self.nameBytesMax + 2)) {
            if buffer[index] == UInt8(ascii: ":") { return (front + 1)..<index }
            if buffer[index] == UInt8(ascii: "\n") { return nil }
        }
        return nil
    }

    private mutating func take(_ name: Range<Int>, _ json: Range<Int>) {
        let text = Array(buffer[json])
        let name = Array(buffer[name])
        // A half request may have swallowed others: then this is no JSON, and a later part of it begins a request.
        if firstRequest(from: json.lowerBound + 1, to: json.upperBound) != nil, (try? JSONParser.parse(text)) == nil {
            ready.append(.bad(replyName: name, .incomplete))
            return recover(before: json.upperBound)
        }
        ready.append(
            text.count > requestBytesMax
                ? .bad(replyName: name, .tooLong) : .request(replyName: name, json: text))
        moveOn(to: json.upperBound)
    }

    private enum ScanResult {
        /// The index after the bracket that closes the first one.
        case end(Int)
        /// A line begins another request.
        case nextRequest(Int)
        case more
    }

    /// Looks for the bracket that closes the first one.
    private mutating func scanEnd() -> ScanResult {
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

    /// Whether `:NAME:{` or `:NAME:[` stands at `index`.
    private static func startsRequest(_ bytes: [UInt8], at index: Int) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: ":") else { return false }
        var next = index + 1
        while next < bytes.count, next - index <= nameBytesMax, isNameByte(bytes[next]) { next += 1 }
        guard next < bytes.count, bytes[next] == UInt8(ascii: ":") else { return false }
        next += 1
        while next < bytes.count, isBlank(bytes[next]) { next += 1 }
        return next < bytes.count && (bytes[next] == UInt8(ascii: "{") || bytes[next] == UInt8(ascii: "["))
    }

    private func firstRequest(from start: Int, to end: Int) -> Int? {
        guard start < end else { return nil }
        return (start..<end).first { Self.startsRequest(buffer, at: $0) }
    }
}

extension RPCError {
    fileprivate static let incomplete = RPCError.parseError.with(data: "the request is incomplete")
    fileprivate static let tooLong = RPCError.invalidRequest.with(data: "the request is too long")
}
