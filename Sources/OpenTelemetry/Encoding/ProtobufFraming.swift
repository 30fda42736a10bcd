/// Puts messages that swift-protobuf has written into the message around them: a tag, a count, the bytes (Protocol Buffers,
/// "Encoding").
///
/// The library writes a message with its contents in one go, which for nested ones means that it measures each as often as it is
/// deep, and it has no place for bytes that are there already. So it writes the parts, and these are put together here.
struct ProtobufFraming {
    private(set) var bytes: [UInt8] = []

    init(reservingBytes capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Empties it and keeps the storage.
    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Fields that are whole, with their tags: they become fields of the message that is put together.
    mutating func append(fields: [UInt8]) { bytes += fields }

    /// A message as the field `number` of this one.
    mutating func append(_ number: Int, message: [UInt8]) {
        begin(number, count: message.count)
        bytes += message
    }

    /// The tag of a field that is a message, and how many bytes of it follow.
    mutating func begin(_ number: Int, count: Int) {
        append(variable: UInt64(number) << 3 | 2)
        append(variable: UInt64(count))
    }

    private mutating func append(variable number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
