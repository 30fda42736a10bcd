import Bytes
import Testing

@testable import SIPStack

@Suite struct TableTests {
    @Test(arguments: [
        BranchID(boot: 0, place: 0, serial: 0, index: 0),
        BranchID(boot: .max, place: 0x1234_5678, serial: 77, index: 31),
    ])
    func branchIDSurvivesTheWire(id: BranchID) {
        var writer = ByteWriter()
        id.write(to: &writer)
        #expect(writer.count == BranchID.count)
        #expect(BranchID(writer.finishText()) == id)
    }

    @Test(arguments: ["", "z9hG4bKsr", "z9hG4bKxx00000000000000000000000000", "z9hG4bKsr0000000000000000000000000g"])
    func foreignBranchIsNotOurs(text: String) {
        #expect(BranchID(ByteString(text)) == nil)
    }
}
