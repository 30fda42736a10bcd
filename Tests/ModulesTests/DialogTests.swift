import Bytes
import SIPDialog
import SIPMessage
import SIPTransport
import Testing

@testable import Modules

/// Parts of the dialog and hiding modules that need no network.
@Suite struct DialogPartsTests {
    static func dialog(_ table: DialogTable, _ callID: String) throws -> Dialog {
        let settings = try DialogSettings(ModuleParameters([]))
        let request = try Message.parse(
            Array(
                """
                INVITE sip:bob@x SIP/2.0\r
                Via: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK1\r
                From: <sip:alice@x>;tag=a\r
                To: <sip:bob@x>\r
                Call-ID: \(callID)\r
                CSeq: 1 INVITE\r
                Content-Length: 0\r
                \r

                """.utf8))
        return try table.add(callID: request.callID) { chain, number, hash in
            Dialog(
                chain: chain, number: number, hash: hash, request: request, options: [], createdAt: 0, socket: nil,
                settings: settings)
        }
    }

    @Test func dialogsAreFoundByIdAndCallID() throws {
        let table = DialogTable(chainsCount: 64, dialogsMax: 100)
        var dialogs: [Dialog] = []
        for number in 0..<100 {
            dialogs.append(try Self.dialog(table, "call-\(number % 50)"))
        }
        #expect(throws: DialogTable.Full.all) { try Self.dialog(table, "one more") }
        for dialog in dialogs {
            let parts = try #require(Dialog.parts(of: dialog.id))
            #expect(table.find(chain: parts.chain, number: parts.number) === dialog)
        }
        #expect(table.find(callID: "call-7") === dialogs[57], "the newest")
        #expect(table.find(callID: "call-7") { $0 !== dialogs[57] } === dialogs[7])
        for dialog in dialogs { #expect(table.remove(dialog)) }
        #expect(!table.remove(dialogs[0]) && table.count == 0 && table.all.isEmpty)
        #expect(table.find(chain: 1 << 30, number: 0) == nil)
    }

    /// Ids have as many beginnings as `hash_size` says, 1 at least; what is found and how far is walked does not depend on it.
    @Test(arguments: [1, 2, 64, 4096])
    func dialogsOfOneCallIDAreBounded(chainsCount: Int) throws {
        let table = DialogTable(chainsCount: chainsCount, dialogsMax: 10_000)
        let most = DialogSettings.ofCallIDMax
        var dialogs: [Dialog] = []
        for number in 0..<500 { dialogs.append(try Self.dialog(table, "other-\(number)")) }
        for _ in 0..<most { dialogs.append(try Self.dialog(table, "same")) }
        #expect(throws: DialogTable.Full.ofCallID) { try Self.dialog(table, "same") }
        #expect(table.count == dialogs.count && table.all.count == dialogs.count)
        // From the middle, from both ends: there is room again, and the others are found as before.
        for index in [500, 500 + most / 2, 499 + most, 0, 250] {
            #expect(table.remove(dialogs[index]))
            #expect(table.find(chain: dialogs[index].chain, number: dialogs[index].number) == nil)
        }
        for _ in 0..<3 { dialogs.append(try Self.dialog(table, "same")) }
        #expect(throws: DialogTable.Full.ofCallID) { try Self.dialog(table, "same") }
        var count = 0
        for dialog in dialogs where table.find(chain: dialog.chain, number: dialog.number) === dialog {
            count += 1
            #expect(dialog.chain < chainsCount)
        }
        #expect(count == table.count && count == 500 - 2 + most)
        for dialog in dialogs { table.remove(dialog) }
        #expect(table.count == 0 && table.all.isEmpty)
    }

    /// A dialog ends before the one who put it into the profile has counted it.
    @Test func profileCountsComeOutRightInAnyOrder() throws {
        let profiles = try DialogProfiles(withValue: ["calls"], withoutValue: [])
        let link = profiles.link(0, "x")
        profiles.count(link, by: -1)
        #expect(profiles.size(0, "x") == 0 && profiles.size(0, nil) == 0 && profiles.values(0).isEmpty)
        profiles.count(link, by: 1)
        #expect(profiles.size(0, "x") == 0 && profiles.size(0, nil) == 0)
        profiles.count(link, by: 1)
        #expect(profiles.size(0, "x") == 1 && profiles.values(0).map(\.count) == [1])
    }

    @Test func deadlinesComeInOrderAndLeaveNothing() throws {
        let table = DialogTable(chainsCount: 64, dialogsMax: 1000)
        let timers = DialogTimers()
        var generator = SystemRandomNumberGenerator()
        var dialogs: [Dialog] = []
        for number in 0..<200 {
            let dialog = try Self.dialog(table, "c\(number)")
            dialogs.append(dialog)
            timers.set(.life, of: dialog, to: Int.random(in: 0..<1000, using: &generator))
            timers.set(.optionsPing, of: dialog, to: 5)
        }
        // Moved, and taken away.
        for dialog in dialogs.prefix(100) { timers.set(.life, of: dialog, to: Int.random(in: 0..<1000)) }
        for dialog in dialogs.suffix(50) { timers.clear(dialog) }
        #expect(timers.deadline(.life, of: dialogs[199]) == nil)
        var last = -1
        var count = 0
        for now in stride(from: 0, through: 1000, by: 10) {
            for dialog in timers.takeDue(.life, at: now, count: .max) {
                #expect(dialogs.contains { $0 === dialog })
                count += 1
            }
            #expect(now > last)
            last = now
        }
        #expect(count == 150)
        #expect(timers.takeDue(.optionsPing, at: 5, count: 100).count == 100)
        #expect(timers.takeDue(.optionsPing, at: 5, count: 100).count == 50)
    }

    @Test(arguments: [
        ("", 0), ("bye-on-timeout", 1), ("B", 1), ("Pp", 6), ("options-ping-caller, options-ping-callee", 6),
        ("reinvite-ping-caller,options-ping-caller", 8), ("RrBE", 57), ("auto-prack", 64),
    ])
    func options(text: String, raw: Int) {
        #expect(DialogOptions(ByteString(text))?.rawValue == raw)
    }

    @Test func wordsThatAreNoOptions() {
        #expect(DialogOptions("bye") == nil && HidingFlags("X") == nil && HidingFlags("UDCaA")?.rawValue == 31)
    }

    @Test(arguments: [HiddenText.Alphabet.base64, .base32])
    func hiddenTextComesBackAndOnlyAsItWasMade(alphabet: HiddenText.Alphabet) {
        let hidden = HiddenText(password: "secret", alphabet: alphabet)
        for text in ["", "a", "sip:alice@10.1.1.1:5060", String(repeating: "x", count: 500)] {
            let made = hidden.hide(ByteString(text))
            #expect(hidden.reveal(made)?.string == text)
            #expect(made == hidden.hide(ByteString(text)), "the same again")
            #expect(HiddenText(password: "other", alphabet: alphabet).reveal(made) == nil)
            #expect(!made.string.contains("alice"))
            var bytes = made.bytes
            bytes[bytes.count / 2] = bytes[bytes.count / 2] == UInt8(ascii: "b") ? UInt8(ascii: "c") : UInt8(ascii: "b")
            #expect(hidden.reveal(ByteString(bytes)) == nil)
        }
        for junk in ["", "short", "=;:@", "ä"] { #expect(hidden.reveal(ByteString(junk)) == nil) }
    }

    @Test func aSideIsReadBack() {
        let side = HiddenSide(contact: "sip:a@h", routes: ["<sip:p1;lr>", "<sip:p2;lr>"], socket: "udp:127.0.0.1:5060")
        #expect(HiddenSide(side.text) == side)
        #expect(HiddenSide("") == nil && HiddenSide("only") == nil && HiddenSide("sip:a@h\nudp:x U") == nil)
        for flags: HidingFlags in [[], .passesUser] {
            for users: (ByteString?, ByteString?) in [(nil, nil), ("a", nil), (nil, "b"), ("a", "b")] {
                for end: DialogSide in [.caller, .callee] {
                    var wishes = side
                    wishes.wishes = HidingWishes(HidingSides(flags: flags, users: users), of: end)
                    #expect(HiddenSide(wishes.text) == wishes)
                    #expect(wishes.wishes.isEmpty == (wishes.text == side.text), "nothing is written for nothing")
                    let read = HidingSides(wishes.wishes)
                    #expect(read.flags == flags && read.users.caller == users.0 && read.users.callee == users.1)
                }
            }
        }
    }
}
