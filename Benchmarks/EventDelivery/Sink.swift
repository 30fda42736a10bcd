import CPlatform
import Glibc
import Synchronization

/// A subscriber that reads what comes and forgets it, on a thread of its own.
final class Sink: Sendable {
    enum Transport: String, CaseIterable {
        case udp, unix, tcp
    }

    let address: String
    private let descriptor: Int32
    private let isClosed = Atomic<Bool>(false)
    private nonisolated(unsafe) var thread = pthread_t()

    init(_ transport: Transport) {
        let descriptor: Int32
        switch transport {
        case .unix:
            let path = "/tmp/sipray-events-benchmark-\(getpid())"
            unlink(path)
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var form = sockaddr_un()
            form.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: path.utf8) }
            Self.bind(descriptor, &form)
            address = "unix:\(path)"
        case .udp, .tcp:
            let kind = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
            descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            Self.bind(descriptor, &form)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &form) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
            }
            address = "\(transport.rawValue):127.0.0.1:\(UInt16(bigEndian: form.sin_port))"
        }
        self.descriptor = descriptor
        var size: Int32 = 64 << 20
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
        if transport == .tcp { listen(descriptor, 1) }
        pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the sink that `init` retained for this thread.
                let sink = Unmanaged<Sink>.fromOpaque(argument!).takeRetainedValue()
                sink.read(sink.address.hasPrefix("tcp:"))
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    /// Ends the thread.
    func close() {
        isClosed.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
        Glibc.close(descriptor)
        if address.hasPrefix("unix:") { unlink(String(address.dropFirst(5))) }
    }

    private func read(_ isStream: Bool) {
        var source = isStream ? -1 : descriptor
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while !isClosed.load(ordering: .relaxed) {
            var entry = pollfd(fd: source < 0 ? descriptor : source, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 50) > 0 else { continue }
            if source < 0 {
                source = accept(descriptor, nil, nil)
                continue
            }
            let count = buffer.withUnsafeMutableBytes { recv(source, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
            if count == 0, isStream { break }
        }
        if isStream, source >= 0 { Glibc.close(source) }
    }

    private static func bind<Form>(_ descriptor: Int32, _ form: inout Form) {
        let result = withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Form>.size))
            }
        }
        precondition(result == 0, "bind: \(errno)")
    }
}

/// The system call alone: datagrams of an event's size to a UDP sink.
enum BareSend {
    private static let datagrams = 128_000
    private static let bytesInDatagram = 230

    static func nanosecondsPerDatagram() -> Double {
        let sink = Sink(.udp)
        defer { sink.close() }
        let sending = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(sending) }
        var form = sockaddr_in()
        form.sin_family = sa_family_t(AF_INET)
        form.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        form.sin_port = (UInt16(sink.address.split(separator: ":").last ?? "") ?? 0).bigEndian
        withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = connect(sending, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        let bytes = [UInt8](repeating: 0x20, count: bytesInDatagram * 64)
        let slices = (0..<64).map {
            cplatform_slice(start: UInt32($0 * bytesInDatagram), length: UInt32(bytesInDatagram))
        }
        let before = ownNanoseconds()
        var sent = 0
        while sent < datagrams {
            var error: Int32 = 0
            sent += Int(cplatform_send_slices(sending, bytes, slices, 64, &error))
            if sent % 192 == 0 { usleep(1000) }
        }
        return Double(ownNanoseconds() - before) / Double(sent)
    }

    private static func ownNanoseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }
}
