import Bytes

/// Reads the structure of a message in one pass. Budget: no allocation up to 24 header fields, each byte looked at
/// about once (line ends by `memchr`, names by the token test, values not at all).
///
/// It goes on after a fault that leaves the rest readable, so that the request can be answered; only the first fault
/// is kept. `max` of a number is at most 2^32, so `decimal` cannot wrap 64 bits between two tests.
struct MessageParser {
    let limits: MessageLimits
    var head = MessageHead()
    private(set) var fault: MessageError?
    private(set) var hasStartLine = false
    private var contentLength: Int?

    init(limits: MessageLimits) {
        self.limits = limits
    }

    /// Reads all of `bytes` into `head`, the first fault into `fault`.
    mutating func parse(_ bytes: Span<UInt8>) {
        guard bytes.count <= limits.messageBytesMax else {
            return note(.messageTooLong, 0, "a message of at most messageBytesMax bytes")
        }
        // RFC 3261 §7.5: line ends before the first line are ignored.
        var index = 0
        while index < bytes.count, bytes[index] == ASCII.carriageReturn || bytes[index] == ASCII.lineFeed {
            index &+= 1
        }
        guard index < bytes.count else { return note(.keepAlive, 0, "a message") }
        guard let lineFeed = bytes.findLineFeed(index) else {
            return note(.notSIP, index, "a first line that ends")
        }
        let end = lineFeed > index && bytes[lineFeed &- 1] == ASCII.carriageReturn ? lineFeed &- 1 : lineFeed
        parseStartLine(bytes, index, end)
        guard hasStartLine else { return }
        head.startLine.line = ByteRange(index, lineFeed &+ 1)
        if end &- index > limits.startLineBytesMax {
            note(.startLineTooLong, index, "a first line of at most startLineBytesMax bytes")
        }
        let bodyStart = parseHeaders(bytes, lineFeed &+ 1)
        frameBody(bytes, bodyStart)
    }

    private mutating func note(_ kind: MessageError.Kind, _ offset: Int, _ expected: StaticString) {
        if fault == nil { fault = MessageError(kind, at: offset, expected: expected) }
    }

    /// Reads header fields from `start` on; returns where the body starts.
    private mutating func parseHeaders(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        let table = HeaderNameTable.shared
        var index = start
        while index < bytes.count {
            guard var lineFeed = bytes.findLineFeed(index) else { break }
            let first = bytes[index]
            if first == ASCII.lineFeed || (first == ASCII.carriageReturn && lineFeed == index &+ 1) {
                head.headersEnd = UInt32(index)
                return lineFeed &+ 1
            }
            var isFolded = false
            while lineFeed &+ 1 < bytes.count, ASCII.isBlank(bytes[lineFeed &+ 1]) {
                guard let next = bytes.findLineFeed(lineFeed &+ 1) else { break }
                isFolded = true
                lineFeed = next
            }
            if head.count >= limits.headerCountMax {
                note(.headersTooMany, index, "at most headerCountMax header fields")
            } else {
                parseField(bytes, index, lineFeed, isFolded, table)
            }
            index = lineFeed &+ 1
        }
        note(.headersUnterminated, bytes.count, "an empty line after the header fields")
        head.headersEnd = UInt32(index)
        return bytes.count
    }

    /// Reads the field at `start`, whose line feed is at `lineFeed`.
    @inline(__always)
    private mutating func parseField(
        _ bytes: Span<UInt8>, _ start: Int, _ lineFeed: Int, _ isFolded: Bool, _ table: HeaderNameTable
    ) {
        let nameEnd = bytes.skipToken(start, lineFeed)
        var index = nameEnd
        while index < lineFeed, ASCII.isBlank(bytes[index]) { index &+= 1 }
        guard nameEnd > start, index < lineFeed, bytes[index] == ASCII.colon else {
            return note(.headerLine, index, "a header name and a colon")
        }
        guard lineFeed &- start <= min(limits.headerBytesMax, Int(UInt16.max)) else {
            return note(.headerTooLong, start, "a header field of at most headerBytesMax bytes")
        }
        let valueStart = bytes.skipWhitespace(index &+ 1, lineFeed)
        let valueEnd = bytes.trimEnd(valueStart, lineFeed)
        let id = table.find(bytes, start, nameEnd)
        if id == .contentLength { readContentLength(bytes, valueStart, valueEnd) }
        head.append(
            HeaderField(
                id: id, isFolded: isFolded, nameCount: UInt16(truncatingIfNeeded: nameEnd &- start),
                lineLower: UInt32(truncatingIfNeeded: start), valueLower: UInt32(truncatingIfNeeded: valueStart),
                valueUpper: UInt32(truncatingIfNeeded: valueEnd), lineUpper: UInt32(truncatingIfNeeded: lineFeed &+ 1)))
    }

    private mutating func readContentLength(_ bytes: Span<UInt8>, _ lower: Int, _ upper: Int) {
        guard let value = bytes.decimal(lower, upper, max: UInt64(UInt32.max)) else {
            return note(.contentLength, lower, "a number of bytes")
        }
        if let contentLength, contentLength != Int(value) {
            return note(.contentLength, lower, "one Content-Length")
        }
        contentLength = Int(value)
    }

    private mutating func frameBody(_ bytes: Span<UInt8>, _ start: Int) {
        let available = bytes.count &- start
        let length = contentLength ?? available
        if length > available {
            note(.bodyTruncated, bytes.count, "as many bytes of body as Content-Length says")
        }
        head.body = ByteRange(start, start &+ min(length, available))
    }
}

extension MessageParser {
    /// Reads the first line from `start` to `end`, which is without its line end.
    private mutating func parseStartLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        if end &- start >= 4, bytes.equalsIgnoringCase("SIP/", at: start, start &+ 4) {
            parseStatusLine(bytes, start, end)
        } else {
            parseRequestLine(bytes, start, end)
        }
    }

    private mutating func parseRequestLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        let methodEnd = bytes.skipToken(start, end)
        let lineEnd = bytes.trimEnd(start, end)
        var versionStart = lineEnd
        while versionStart > methodEnd, !ASCII.isBlank(bytes[versionStart &- 1]) { versionStart &-= 1 }
        guard methodEnd > start, methodEnd < end, ASCII.isBlank(bytes[methodEnd]), versionStart > methodEnd,
            lineEnd &- versionStart >= 4, bytes.equalsIgnoringCase("SIP/", at: versionStart, versionStart &+ 4)
        else { return note(.notSIP, start, "METHOD URI SIP/2.0") }
        let uriStart = bytes.skipWhitespace(methodEnd, versionStart)
        let uriEnd = bytes.trimEnd(uriStart, versionStart)
        hasStartLine = true
        head.startLine.isRequest = true
        head.startLine.method = Method(bytes: bytes, start, methodEnd)
        head.startLine.methodText = ByteRange(start, methodEnd)
        head.startLine.requestURI = ByteRange(uriStart, uriEnd)
        head.startLine.version = ByteRange(versionStart, lineEnd)
        if !bytes.equalsIgnoringCase("SIP/2.0", at: versionStart, lineEnd) {
            note(.version, versionStart, "SIP/2.0")
        }
        if uriStart >= uriEnd { return note(.requestLine, uriStart, "a request URI") }
        if lineEnd != end { return note(.requestLine, lineEnd, "a line end after SIP/2.0") }
        if uriStart != methodEnd &+ 1 || versionStart != uriEnd &+ 1 {
            return note(.requestLine, methodEnd, "one space between the parts of a request line")
        }
        let blank = (uriStart..<uriEnd).first { ASCII.isWhitespace(bytes[$0]) }
        if let blank { note(.requestLine, blank, "a request URI without white space") }
    }

    private mutating func parseStatusLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        let versionEnd = bytes.find(ASCII.space, start, end)
        let codeEnd = bytes.find(ASCII.space, min(versionEnd &+ 1, end), end)
        hasStartLine = true
        head.startLine.isRequest = false
        head.startLine.version = ByteRange(start, versionEnd)
        if !bytes.equalsIgnoringCase("SIP/2.0", at: start, versionEnd) { note(.version, start, "SIP/2.0") }
        guard codeEnd &- versionEnd == 4, let code = bytes.decimal(versionEnd &+ 1, codeEnd, max: 699), code >= 100
        else {
            return note(.statusLine, versionEnd, "a status code of 100 to 699")
        }
        head.startLine.statusCode = UInt16(code)
        head.startLine.reasonPhrase = ByteRange(min(codeEnd &+ 1, end), end)
    }
}
