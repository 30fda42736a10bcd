import Bytes

struct SIPURI: Equatable {
    init?(_ t: ByteString) { return nil }
    func parameter(_ n: ByteString) -> ByteString? { nil }
}
