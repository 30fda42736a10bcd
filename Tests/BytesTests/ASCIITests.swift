import Bytes
import Testing

@Suite struct ASCIITests {
    @Test func tokenCharactersAreThoseOfTheGrammar() {
        let grammar = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(ASCII.isTokenCharacter(byte) == grammar.contains(byte), "byte \(byte)")
        }
    }

    @Test func classesAgreeWithTheStandardLibrary() {
        for byte in UInt8.min...UInt8.max {
            let scalar = Character(Unicode.Scalar(byte))
            #expect(ASCII.isDigit(byte) == ("0"..."9").contains(scalar))
            #expect(ASCII.isAlpha(byte) == (("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)))
            #expect(ASCII.isHexDigit(byte) == (byte < 128 && scalar.isHexDigit))
            #expect(ASCII.hexValue(byte).map(Int.init) == (byte < 128 ? scalar.hexDigitValue : nil))
            if byte < 128 {
                #expect(ASCII.lowercased(byte) == scalar.lowercased().utf8.first)
                #expect(ASCII.uppercased(byte) == scalar.uppercased().utf8.first)
            } else {
                #expect(ASCII.lowercased(byte) == byte && ASCII.uppercased(byte) == byte)
            }
        }
    }
}
