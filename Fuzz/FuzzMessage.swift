/// The libFuzzer entry: any bytes through everything that the server does to a message. Built by `scripts/fuzz`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessage(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let broken = MessageExerciser.violation(bytes) { fatalError(broken) }
    return 0
}
