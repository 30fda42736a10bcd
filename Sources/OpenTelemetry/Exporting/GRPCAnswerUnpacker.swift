import Compression
import NIOCore
import NIOHTTP2

/// Unpacks the messages of a gRPC answer before the library sees them: its own unpacking never ends with one that is cut short
/// (grpc-swift-nio-transport 2.9, `inflate`), on the one thread that there is.
///
/// Sits where an HTTP/2 stream comes in. A message is five bytes, whether it is packed and its length (gRPC, "Length-Prefixed-Message"), and its
/// bytes. One that is packed goes on as one that is not. What can't be unpacked, or is too long, goes on as what the library refuses
/// at once. Holds one message at most, of ``ExportLimits/answerBytesMax``.
final class GRPCAnswerUnpacker: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private var received = ByteBuffer()
    /// What has come was refused: the library ends the stream, and what comes until then is nobody's.
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .data(var frame) = unwrapInboundIn(data), case .byteBuffer(var bytes) = frame.data else {
            return context.fireChannelRead(data)
        }
        guard !isOver else { return }
        received.writeBuffer(&bytes)
        var out = context.channel.allocator.buffer(capacity: received.readableBytes)
        while let message = next() { out.writeBytes(message) }
        if isOver { received.clear() } else { received.discardReadBytes() }
        // The end of the stream is told by trailers; a frame that says so itself is passed on with whatever there is.
        if frame.endStream { out.writeBuffer(&received) }
        guard out.readableBytes > 0 || frame.endStream else { return }
        frame.data = .byteBuffer(out)
        context.fireChannelRead(wrapInboundOut(.data(frame)))
    }

    /// The next message that is here, with its prefix, as it goes on.
    private func next() -> [UInt8]? {
        guard !isOver, let flag = received.getInteger(at: received.readerIndex, as: UInt8.self),
            let count = received.getInteger(at: received.readerIndex + 1, as: UInt32.self)
        else { return nil }
        guard count <= ExportLimits.answerBytesMax else {
            // The library knows from the prefix that it is too long.
            isOver = true
            return Self.tooLong
        }
        guard received.readableBytes >= Self.prefixCount + Int(count) else { return nil }
        guard flag == 1 else { return received.readBytes(length: Self.prefixCount + Int(count)) }
        received.moveReaderIndex(forwardBy: Self.prefixCount)
        let packed = received.readBytes(length: Int(count)) ?? []
        do throws(Gzip.Fault) {
            let message = try Gzip.decompress(packed, limit: ExportLimits.answerBytesMax)
            return Self.prefix(flag: 0, count: UInt32(message.count)) + message
        } catch {
            return error == .tooLong ? Self.tooLong : Self.broken
        }
    }

    private static let prefixCount = 5
    private static let tooLong = prefix(flag: 0, count: .max)
    /// Packed, says its prefix, with two bytes that no packed message begins with.
    private static let broken = prefix(flag: 1, count: 2) + [0xFF, 0xFF]

    private static func prefix(flag: UInt8, count: UInt32) -> [UInt8] {
        [flag] + withUnsafeBytes(of: count.bigEndian, Array.init)
    }
}
