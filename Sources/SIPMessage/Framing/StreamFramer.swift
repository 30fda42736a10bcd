import Bytes

/// Cuts a stream of bytes into SIP messages by Content-Length (RFC 3261 §18.3) and finds keep-alives (RFC 5626 §4.4.1).
///
/// A value without sockets or clocks: bytes go in with `append`, items come out of `next` until it says nil. The outcome does
/// not depend on how the bytes were split. Budget: one copy into the buffer; a message that fills the buffer alone, which is
/// the usual case, leaves as the buffer itself, others are copied once more. Each byte of a header is looked at once
/// (`memchr` for line ends), those of a body not at all.
///
/// ```
/// buffer  [ … done … | INVITE … CR LF CR LF body … | next … ]
///                     ^start      ^line            ^end
/// ```
package struct StreamFramer: Sendable {
    package enum Item: Hashable, Sendable {
        /// A whole message.
        case message([UInt8])
        /// A double CRLF between messages: the peer wants a CRLF back.
        case ping
        /// The stream can't be read further; the bytes are the message's head as far as it is known.
        case fault(FramingFault, head: [UInt8])
    }

    private enum Phase {
        case between, head, body, failed
    }

    private let limits: FramingLimits
    private var buffer: [UInt8] = []
    private var phase = Phase.between
    private var start = 0
    /// Where the line that is being read starts.
    private var line = 0
    /// The first byte that was not looked at.
    private var scan = 0
    private var end = 0
    private var hasFirstLine = false
    /// Where the value of a Content-Length starts that may go on in the next line.
    private var lengthValue: Int?
    private var length: Int?
    /// A CRLF between messages was seen and not answered.
    private var hasHalfPing = false

    package init(limits: FramingLimits = .default) {
        self.limits = limits
    }

    /// Part of a message has come in, but not all of it.
    package var isInMessage: Bool { phase == .head || phase == .body }

    /// Bytes that wait for the rest of their message.
    package var bytesBuffered: Int { buffer.count - start }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard phase != .failed else { return }
        compact()
        unsafe buffer.append(contentsOf: bytes)
    }

    package mutating func append(_ bytes: some Sequence<UInt8>) {
        guard phase != .failed else { return }
        compact()
        buffer.append(contentsOf: bytes)
    }

    /// The next item; nil when more bytes are needed, and for ever after a fault.
    package mutating func next() -> Item? {
        while true {
            switch phase {
            case .between:
                if skipLineEnds() { return .ping }
                if phase == .between { return nil }
            case .head:
                if let fault = readHead() { return fail(fault) }
                if phase == .head { return nil }
            case .body:
                return buffer.count < end ? nil : takeMessage()
            case .failed:
                return nil
            }
        }
    }

    /// Lets go of what was handed out.
    private mutating func compact() {
        guard start > 0 else { return }
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
        } else {
            buffer.removeSubrange(0..<start)
        }
        line -= start
        scan -= start
        end -= start
        if let value = lengthValue { lengthValue = value - start }
        start = 0
    }

    /// Steps over line ends between messages. True: a ping was complete. Enters the head at the first other byte.
    private mutating func skipLineEnds() -> Bool {
        while start < buffer.count {
            switch buffer[start] {
            case ASCII.lineFeed:
                start += 1
            case ASCII.carriageReturn:
                guard start + 1 < buffer.count else { return false }
                guard buffer[start + 1] == ASCII.lineFeed else {
                    start += 1
                    continue
                }
                start += 2
                hasHalfPing.toggle()
                if !hasHalfPing { return true }
            default:
                beginMessage()
                return false
            }
        }
        return false
    }

    private mutating func beginMessage() {
        phase = .head
        hasHalfPing = false
        hasFirstLine = false
        line = start
        scan = start
        lengthValue = nil
        length = nil
    }

    /// Reads header lines until the empty one.
    private mutating func readHead() -> FramingFault? {
        guard ASCII.isTokenCharacter(buffer[start]) else { return .notSIP }
        while let lineFeed = buffer.span.findLineFeed(scan) {
            let upper = lineFeed > line && buffer[lineFeed - 1] == ASCII.carriageReturn ? lineFeed - 1 : lineFeed
            // Before the line is looked at, as when it came in pieces.
            if hasFirstLine, lineFeed + 1 - start > limits.headBytesMax { return .headTooLong }
            if !hasFirstLine {
                if upper - start > limits.startLineBytesMax { return .startLineTooLong }
                guard isFirstLine(upper) else { return .notSIP }
                hasFirstLine = true
            } else {
                if let fault = readField(upper) { return fault }
            }
            let isEmpty = upper == line
            line = lineFeed + 1
            scan = line
            if isEmpty { return endHead() }
        }
        scan = buffer.count
        // The last byte may be the carriage return of a line that is just as long as it may be.
        if !hasFirstLine { return buffer.count - start > limits.startLineBytesMax + 1 ? .startLineTooLong : nil }
        return buffer.count - start > limits.headBytesMax ? .headTooLong : nil
    }

    /// `SIP/…` at the start (a status line) or in the last word (a request line).
    private func isFirstLine(_ upper: Int) -> Bool {
        if hasVersion(start, upper) { return true }
        let last = buffer.span.trimEnd(start, upper)
        guard let blank = buffer[start..<last].lastIndex(of: ASCII.space) else { return false }
        return hasVersion(blank + 1, last)
    }

    private func hasVersion(_ lower: Int, _ upper: Int) -> Bool {
        upper - lower >= 4 && buffer[lower] | 0x20 == UInt8(ascii: "s") && buffer[lower + 1] | 0x20 == UInt8(ascii: "i")
            && buffer[lower + 2] | 0x20 == UInt8(ascii: "p") && buffer[lower + 3] == ASCII.slash
    }

    /// Looks whether the line up to `upper` is a Content-Length, or ends one that was folded.
    private mutating func readField(_ upper: Int) -> FramingFault? {
        let isFolded = upper > line && ASCII.isBlank(buffer[line])
        if !isFolded, let value = lengthValue {
            lengthValue = nil
            guard let number = buffer.span.decimalTrimmed(value, line) else { return .lengthInvalid }
            if let length, length != number { return .lengthInvalid }
            length = number
        }
        guard !isFolded, upper > line else { return nil }
        let first = buffer[line] | 0x20
        guard first == UInt8(ascii: "c") || first == UInt8(ascii: "l") else { return nil }
        let nameEnd = buffer.span.skipToken(line, upper)
        guard
            buffer.span.equalsIgnoringCase("content-length", at: line, nameEnd)
                || buffer.span.equalsIgnoringCase("l", at: line, nameEnd)
        else { return nil }
        var colon = nameEnd
        while colon < upper, ASCII.isBlank(buffer[colon]) { colon += 1 }
        if colon < upper, buffer[colon] == ASCII.colon { lengthValue = colon + 1 }
        return nil
    }

    private mutating func endHead() -> FramingFault? {
        guard let length else { return .lengthMissing }
        guard length <= limits.messageBytesMax, line - start + length <= limits.messageBytesMax else {
            return .messageTooLong
        }
        end = line + length
        phase = .body
        if buffer.capacity < end { buffer.reserveCapacity(end) }
        return nil
    }

    private mutating func takeMessage() -> Item {
        phase = .between
        if start == 0, end == buffer.count {
            var message: [UInt8] = []
            swap(&message, &buffer)
            (line, scan, end) = (0, 0, 0)
            return .message(message)
        }
        let message = Array(buffer[start..<end])
        start = end
        return .message(message)
    }

    private mutating func fail(_ fault: FramingFault) -> Item {
        let head = fault.reply == nil ? [] : Array(buffer[start..<line])
        phase = .failed
        buffer = []
        (start, line, scan, end, lengthValue) = (0, 0, 0, 0, nil)
        return .fault(fault, head: head)
    }
}

extension Span where Element == UInt8 {
    /// The number between `lower` and `upper`, white space around it aside; nil when it is none or passes 2^32.
    fileprivate func decimalTrimmed(_ lower: Int, _ upper: Int) -> Int? {
        let start = skipWhitespace(lower, upper)
        return decimal(start, trimEnd(start, upper), max: UInt64(UInt32.max)).map { Int($0) }
    }
}
