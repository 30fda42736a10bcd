/// The messages that are measured.
extension MessageBenchmark {
    private static let common = """
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74b43;rport
        Via: SIP/2.0/UDP client.atlanta.example.com:5062;branch=z9hG4bK74bf9;received=192.0.2.101;rport=49152
        Max-Forwards: 69
        From: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl
        To: Bob <sip:bob@biloxi.example.com>
        Call-ID: 3848276298220188511@atlanta.example.com

        """

    static let invite = text(
        "INVITE sip:bob@biloxi.example.com;transport=udp SIP/2.0\n" + common + """
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

    static let options = text(
        "OPTIONS sip:bob@biloxi.example.com SIP/2.0\n" + common + "CSeq: 2 OPTIONS\nContent-Length: 0\n\n")

    private static func text(_ text: String) -> [UInt8] {
        Array(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
    }
}
