import OpenTelemetry
import Testing

@Suite struct SpanIdentityTests {
    @Test func idsAreWrittenInNetworkOrder() {
        let trace = TraceID(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)
        #expect(trace.bytes == Array(1...16))
        #expect(trace.hexadecimal == "0102030405060708090a0b0c0d0e0f10")
        #expect(SpanID(0xab).hexadecimal == "00000000000000ab")
        #expect(SpanID(0xab).bytes == [0, 0, 0, 0, 0, 0, 0, 0xab])
        #expect(!TraceID.none.isValid && !SpanID.none.isValid && trace.isValid)
    }
}
