import Glibc
import Reactor
import Testing

@testable import SIPTransport

/// Which receiver's socket gets a datagram. Loopback delivers within the sender's system call, so the sockets are read
/// by hand.
struct UDPSpreadTests {
    private static let receivers = 4
    private let listener: UDPListener
    private let peer = TestSocket()

    init() throws {
        let request = ListenRequest(transport: .udp, host: "127.0.0.1", port: 0)
        let address = try #require(try Interfaces.expand(request).first)
        listener = try UDPListener.open(id: 0, request: request, address: address, receivers: Self.receivers)
    }

    private func receiver(of text: String, from socket: TestSocket? = nil) throws -> Int {
        let bytes = Array(text.utf8)
        #expect((socket ?? peer).send(bytes, to: listener.socket.address) == bytes.count)
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = listener.descriptors.indices.filter {
            recv(listener.descriptors[$0], &buffer, buffer.count, Int32(MSG_DONTWAIT)) >= 0
        }
        #expect(got.count == 1)
        return try #require(got.first)
    }

    private static func message(_ method: String, line: String, before: String = "", branch: Int = 1) -> String {
        "\(method) sip:callee@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK\(branch)\r\n"
            + "\(before)From: \"caller\" <sip:caller@127.0.0.1>;tag=1\r\nTo: <sip:callee@127.0.0.1>\r\n\(line)\r\n"
            + "CSeq: \(branch) \(method)\r\nContent-Length: 0\r\n\r\n"
    }

    @Test func theKernelTookTheWholeProgram() { #expect(listener.callReachBytes == UDPListener.callReachBytesWanted) }

    @Test func callsOfOnePeerAreSpreadEvenlyAndStayTogether() throws {
        var counts = [Int](repeating: 0, count: Self.receivers)
        let calls = 400
        for call in 0..<calls {
            let first = try receiver(of: Self.message("INVITE", line: "Call-ID: \(call)-7781@127.0.0.1"))
            counts[first] += 1
            for (number, method) in ["ACK", "INVITE", "CANCEL", "BYE"].enumerated() {
                let branch = 9 &* (number &+ 1) &* (call &+ 7)
                let text = Self.message(method, line: "Call-ID: \(call)-7781@127.0.0.1", branch: branch)
                #expect(try receiver(of: text) == first)
            }
        }
        for count in counts { #expect(count > calls / Self.receivers / 2, "\(counts)") }
    }

    /// Wherever the name stands and however it is written, the same value leads to the same receiver.
    @Test(arguments: ["Call-ID: ", "call-id: ", "CALL-ID: ", "Call-ID : "])
    func theNameIsFoundAtAnyPlace(name: String) throws {
        for length in 0..<40 {
            let before = "X: " + String(repeating: "x", count: length) + "\r\n"
            let seen = try (0..<16).map {
                try receiver(of: Self.message("BYE", line: "\(name)\($0)@h", before: before))
            }
            let plain = try (0..<16).map { try receiver(of: Self.message("BYE", line: "\(name)\($0)@h")) }
            #expect(seen == plain)
            #expect(Set(seen).count > 1)
        }
    }

    /// What only resembles the name does not lead astray.
    @Test(arguments: [
        "X-Call-ID: 5\r\n", "Call-Info: <http://call-id/>\r\n", "Session-ID: 77\r\n", "Subject: call-id: 3\r\n",
        "Subject: all-id: ll-id -id:\r\n",
    ])
    func otherHeadersAreNotTaken(before: String) throws {
        // Far enough before: what looks like the name hides the name in the 32 bytes that are searched with it.
        let padded = before + "X: " + String(repeating: "y", count: 40) + "\r\n"
        for call in 0..<16 {
            let line = "Call-ID: \(call)@h"
            #expect(
                try receiver(of: Self.message("BYE", line: line, before: padded))
                    == receiver(of: Self.message("BYE", line: line)))
        }
    }

    @Test(arguments: [
        "i: 1@h", "Subject: none", "X: " + String(repeating: "z", count: 1100) + "\r\nCall-ID: 1@h",
    ])
    func withoutANameThePeersAddressDecides(line: String) throws {
        var seen: Set<Int> = []
        for number in 0..<16 {
            let socket = TestSocket()
            let first = try receiver(of: Self.message("BYE", line: line), from: socket)
            #expect(try receiver(of: Self.message("ACK", line: line, branch: number), from: socket) == first)
            seen.insert(first)
        }
        #expect(seen.count > 1)
    }

    @Test(arguments: [
        "", "a", "\r\n\r\n", "OPTIONS sip:a SIP/2.0\r\nCall-ID", "OPTIONS sip:a SIP/2.0\r\nCall-ID:", "x\r\nCall-ID: y",
    ])
    func whatIsCutShortArrivesSomewhere(text: String) throws {
        #expect(try listener.descriptors.indices.contains(receiver(of: text)))
    }
}
