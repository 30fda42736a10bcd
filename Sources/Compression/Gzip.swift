import CZlib

/// One gzip member (RFC 1952).
package enum Gzip {
    /// Window bits of zlib with 16 added: gzip instead of zlib's own frame.
    private static let gzipWindowBits = MAX_WBITS + 16
    private static let memoryLevel: Int32 = 8

    /// Compresses at once; level 1, because a request is made every few milliseconds and its text is very alike. Nil when zlib has no memory.
    package static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, Z_BEST_SPEED, Z_DEFLATED, gzipWindowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var isDone = false
        let out = [UInt8](unsafeUninitializedCapacity: bound) { out, count in
            bytes.withUnsafeBufferPointer { input in
                // zlib only reads what `next_in` points to; its type is not const for reasons of age.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = out.baseAddress
                stream.avail_out = UInt32(bound)
                isDone = deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
            count = bound - Int(stream.avail_out)
        }
        return isDone ? out : nil
    }
}

extension Gzip {
    package enum Fault: Error, Hashable {
        /// More than the limit comes out.
        case tooLong
        /// No gzip, or cut short.
        case broken
    }

    /// What a gzip member (or zlib stream) holds. Never more than `limit` bytes are made of it, whatever it claims.
    package static func decompress(_ bytes: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        var stream = z_stream()
        // 32 added: the frame tells whether it is gzip or zlib.
        guard inflateInit2_(&stream, MAX_WBITS + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .broken
        }
        defer { inflateEnd(&stream) }
        var out: [UInt8] = []
        var status = Z_OK
        bytes.withUnsafeBufferPointer { input in
            // zlib only reads what `next_in` points to.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            while status == Z_OK, out.count <= limit {
                let part = [UInt8](unsafeUninitializedCapacity: 16384) { part, count in
                    stream.next_out = part.baseAddress
                    stream.avail_out = 16384
                    status = inflate(&stream, Z_NO_FLUSH)
                    count = 16384 - Int(stream.avail_out)
                }
                out += part
            }
        }
        guard out.count <= limit else { throw .tooLong }
        guard status == Z_STREAM_END else { throw .broken }
        return out
    }
}
