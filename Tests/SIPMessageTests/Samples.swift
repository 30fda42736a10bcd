import Bytes
import SIPMessage

/// Messages that several tests start from.
enum Samples {
    /// A usual INVITE of a desk phone through one proxy, about 900 bytes.
    static let invite = text(
        """
        INVITE sip:bob@biloxi.example.com;transport=udp SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74b43;rport
        Via: SIP/2.0/UDP client.atlanta.example.com:5062;branch=z9hG4bK74bf9;received=192.0.2.101;rport=49152
        Max-Forwards: 69
        Route: <sip:ss1.example.com;lr>, <sip:ss2.example.com;lr>
        Record-Route: <sip:ss1.atlanta.example.com;lr>
        From: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl
        To: Bob <sip:bob@biloxi.example.com>
        Call-ID: 3848276298220188511@atlanta.example.com
        CSeq: 2 INVITE
        Contact: <sip:alice@client.atlanta.example.com:5062;transport=udp>
        Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY
        Supported: replaces, timer
        User-Agent: Desk Phone 4.1
        Content-Type: application/sdp
        Content-Length: 151

        v=0
        o=alice 2890844526 2890844526 IN IP4 client.atlanta.example.com
        s=-
        c=IN IP4 192.0.2.101
        t=0 0
        m=audio 49172 RTP/AVP 0
        a=rtpmap:0 PCMU/8000

        """)

    /// A final response to it.
    static let busy = text(
        """
        SIP/2.0 486 Busy Here
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74b43
        v: SIP/2.0/UDP client.atlanta.example.com:5062;branch=z9hG4bK74bf9
        f: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl
        t: Bob <sip:bob@biloxi.example.com>;tag=314159
        i: 3848276298220188511@atlanta.example.com
        CSeq: 2 INVITE
        l: 0


        """)

    /// Bytes of `text` with CR LF line ends.
    static func text(_ text: String) -> [UInt8] {
        Array(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
    }

    /// A request with `lines` added to what is mandatory.
    static func request(_ lines: String, method: String = "OPTIONS", body: String = "") -> [UInt8] {
        text(
            "\(method) sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:a@example.com>;tag=1\n"
                + "To: <sip:b@example.com>\nCall-ID: 1\nCSeq: 1 \(method)\n\(lines)\n\n") + Array(body.utf8)
    }
}
