package import Bytes

/// Where a request came from, as far as its topmost `Via` must say it (RFC 3261 §18.2.1, RFC 3581 §4).
package struct ViaSource: Sendable {
    /// The source address as text, an IPv6 address without brackets.
    package let address: ByteString
    /// The source port.
    package let port: UInt16
    /// Whether to answer to the source port although the client did not ask with `rport`.
    package let forcesRport: Bool

    package init(address: ByteString, port: UInt16, forcesRport: Bool = false) {
        self.address = address
        self.port = port
        self.forcesRport = forcesRport
    }

    /// Whether the topmost value needs a `received`: its host is another than the source, or `rport` is there.
    func needsReceived(_ via: Via) -> Bool {
        via.hasRport || forcesRport || !via.host.withoutBrackets.equalsIgnoringCase(address)
    }

    /// Appends `via` with `received` and `rport` filled in, what it said of them before left out.
    func append(_ via: Via, to writer: inout ByteWriter) {
        let isReplaced = needsReceived(via)
        let received = via.receivedParameter
        let rport = isReplaced ? via.rportParameter : nil
        var cursor = via.range.lower
        // In the order in which they stand.
        if let received, let rport, rport.name.lower < received.name.lower {
            leaveOut(rport, of: via, &cursor, &writer)
            leaveOut(received, of: via, &cursor, &writer)
        } else {
            if let received { leaveOut(received, of: via, &cursor, &writer) }
            if let rport { leaveOut(rport, of: via, &cursor, &writer) }
        }
        writer.append(via.storage, ByteRange(lower: cursor, upper: via.range.upper))
        guard isReplaced else { return }
        writer.append(";received=")
        writer.append(address)
        guard via.hasRport || forcesRport else { return }
        writer.append(";rport=")
        writer.append(decimal: UInt64(port))
    }

    /// Appends what stands before `parameter` and moves `cursor` behind it; its semicolon, and white space after
    /// that, go with it.
    private func leaveOut(_ parameter: Parameter, of via: Via, _ cursor: inout UInt32, _ writer: inout ByteWriter) {
        var lower = parameter.name.lower
        while lower > cursor, via.storage[Int(lower) - 1] != ASCII.semicolon { lower -= 1 }
        writer.append(via.storage, ByteRange(lower: cursor, upper: max(cursor, lower - 1)))
        cursor = parameter.whole.upper
    }
}

extension MessageEdits {
    /// Fills `received` and `rport` into the topmost `Via` of a request that goes on to another element, so that the
    /// response finds its way back. Nothing when the request came from where its `Via` says, or the `Via` cannot be
    /// decoded.
    package mutating func fillTopVia(of message: Message, from source: ViaSource) {
        guard let via = message.topVia, source.needsReceived(via) || via.receivedParameter != nil else { return }
        var writer = ByteWriter(reserving: via.range.count + 48)
        source.append(via, to: &writer)
        replace(via.range, with: writer.finishText())
    }
}
