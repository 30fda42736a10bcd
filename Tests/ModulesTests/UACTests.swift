import Bytes
import SIPMessage
import Testing

@testable import Modules

/// What the Record-Route parameters of `uac` keep, and that nothing else gets in by them.
@Suite struct UACTests {
    @Test(arguments: [nil, "password"] as [ByteString?])
    func whatIsKeptComesBack(_ password: ByteString?) throws {
        let changes = [
            ("sip:a@x", "sip:anonymous@anonymous.invalid", false),
            ("\"A, the \\\"first\\\"\" <sip:a@x;transport=udp>", "<sip:b@y>", true),
            ("tel:+49301234567", "sips:[2001:db8::1]:5061", false),
        ]
        for (original, replaced, namesChanged) in changes {
            let change = try #require(
                AddressChange(
                    original: ByteString(original), replaced: ByteString(replaced), namesChanged: namesChanged))
            let value = change.encoded(password: password)
            #expect(value.isToken)
            #expect(AddressChange(value, password: password) == change)
            if password != nil {
                #expect(value != change.encoded(password: password), "the same text looks different each time")
                #expect(AddressChange(value, password: "other") == nil && AddressChange(value, password: nil) == nil)
            } else {
                #expect(AddressChange(value, password: "password") == nil)
            }
        }
    }

    @Test(arguments: [
        ("sip:a@x\r\nEvil: yes", false), ("sip:a@x>;tag=1", false), ("sip:a@x b", false), ("<sip:a@x>;tag=1", true),
        ("sip:a@x", true), ("\"open <sip:a@x>", true), (String(repeating: "a", count: 513), false),
    ])
    func whatCannotStandInAFieldIsNotKept(_ text: String, _ namesChanged: Bool) {
        let change = AddressChange(
            original: ByteString(text), replaced: namesChanged ? "<sip:b@y>" : "sip:b@y", namesChanged: namesChanged)
        #expect(change == nil)
    }

    @Test func sealedValuesThatWereChangedAreRefused() throws {
        let change = try #require(AddressChange(original: "sip:a@x", replaced: "sip:b@y", namesChanged: false))
        let value = change.encoded(password: "secret").bytes
        for index in value.indices {
            var changed = value
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let opened = AddressChange(ByteString(changed), password: "secret")
            // The last letter has bits that carry nothing.
            #expect(opened == nil || (index == value.count - 1 && opened == change))
        }
    }

    @Test func randomValuesDoNoHarm() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let count = Int.random(in: 0..<200, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 33..<127, using: &generator) }
            if let change = AddressChange(ByteString(bytes), password: nil) {
                #expect(!change.original.elements.contains { $0 < 32 })
            }
            #expect(AddressChange(ByteString(bytes), password: "p") == nil)
        }
    }

    @Test(arguments: [
        ("\"A\" <sip:a@x>;tag=1", false, "\"A\" <sip:n@h>;tag=1"), ("sip:a@x;tag=1", false, "<sip:n@h>;tag=1"),
        ("<sip:a@x;user=phone>", false, "<sip:n@h>"), ("\"A\" <sip:a@x> ;tag=1", true, "sip:n@h;tag=1"),
    ])
    func parametersOfTheFieldStay(_ value: String, _ namesChanged: Bool, _ expected: String) throws {
        let address = try #require(NameAddress(ByteString(value)))
        #expect(AddressChange.apply("sip:n@h", namesChanged: namesChanged, to: address).string == expected)
    }

    @Test func base64IsThatOfTheRFC() {
        let vectors = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        for (text, expected) in vectors {
            #expect(URLBase64.encode(Array(text.utf8)).string == expected)
            #expect(URLBase64.decode(ByteString(expected)) == Array(text.utf8))
        }
        #expect(URLBase64.encode([0xfb, 0xff]).string == "-_8")
        #expect(URLBase64.decode("Z") == nil && URLBase64.decode("Zg==") == nil)
    }
}
