import Bytes
import Testing

@Suite struct ByteWriterTests {
    @Test func everyFormOfAppend() {
        var writer = ByteWriter(reserving: 64)
        writer.append("SIP/2.0 ")
        writer.append(decimal: 200)
        writer.append(ASCII.space)
        writer.append(ByteString("xOKx").slice(1..<3))
        writer.append([13, 10])
        writer.append(Array("abcdef".utf8), ByteRange(2, 4))
        writer.append(string: "é")
        ByteString("z").withBytes { writer.append($0) }
        #expect(writer.finishText().string == "SIP/2.0 200 OK\r\ncdéz")
    }

    @Test(arguments: [
        (0, "0"), (9, "9"), (10, "10"), (-1, "-1"), (Int.max, "9223372036854775807"),
        (Int.min, "-9223372036854775808"), (1_000_000, "1000000"),
    ])
    func decimal(_ number: Int, _ text: String) {
        var writer = ByteWriter()
        writer.append(decimal: number)
        #expect(writer.finishText().string == text)
        #expect(ByteString(decimal: number).string == text)
    }

    @Test(arguments: [(UInt64(0), 1, "0"), (255, 1, "ff"), (255, 4, "00ff"), (UInt64.max, 1, "ffffffffffffffff")])
    func hex(_ number: UInt64, _ digits: Int, _ text: String) {
        var writer = ByteWriter()
        writer.append(hex: number, digits: digits)
        #expect(writer.finishText().string == text)
    }

    @Test func unsignedMaximum() {
        var writer = ByteWriter()
        writer.append(decimal: UInt64.max)
        #expect(writer.finishText().string == "18446744073709551615")
    }
}
