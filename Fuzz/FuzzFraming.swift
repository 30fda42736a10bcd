/// The libFuzzer entry: any bytes as a stream, cut in any way. Built by `scripts/fuzz framing`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFraming(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let broken = FramingExerciser.violation(bytes) { fatalError(broken) }
    return 0
}
