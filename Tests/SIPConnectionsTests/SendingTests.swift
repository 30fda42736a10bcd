import Glibc
import Reactor
import SIPTransport
import Synchronization
import Testing

@testable import SIPConnections

/// What SIP processes write to real connections, by themselves and through the loops.
@Suite(.serialized) struct SendingTests {
    /// `2-17 xxxx…` and a line end: of the process, its number among those of the process, and filling.
    private static func line(_ process: Int, _ number: Int) -> [UInt8] {
        Array("\(process)-\(number) ".utf8) + Array(repeating: UInt8(ascii: "x"), count: (number * 397) % 3000) + [10]
    }

    private static func roomy() -> ConnectionOptions {
        var options = ConnectionOptions()
        options.queueBytesMax = 64 << 20
        options.queueMessagesMax = 1 << 20
        return options
    }

    /// Three processes send over one connection to a peer that reads in small pieces, through small buffers: all of it
    /// arrives, no line within another, those of one process in order; whoever writes them. What waits grows from
    /// little, which the channel holds, to much.
    @Test(arguments: [true, false]) func keepsOrderWhoeverWrites(directly: Bool) throws {
        var options = Self.roomy()
        if !directly { options.directConnectionsMax = 0 }
        let wire = try Wire(options)
        defer { wire.stop() }
        let (descriptor, connection) = wire.connect(receiveBuffer: 8192)
        defer { Glibc.close(descriptor) }
        var room: Int32 = 8192
        let own = connection.state.withLock { $0.descriptor }
        #expect((own >= 0) == directly)
        if directly { setsockopt(own, SOL_SOCKET, SO_SNDBUF, &room, 4) }
        let destination = wire.destination(connection)
        let jobs = 400
        var job = 0
        func submit() {
            guard job < 3 * jobs else { return }
            let (process, first) = (job % 3, job / 3 * 3)
            job += 1
            wire.run(on: process) { port in
                for number in first..<first + 3 { _ = port.send(Self.line(process, number), to: destination) }
            }
        }
        for _ in 0..<6 { submit() }
        let total = (0..<3).reduce(0) { sum, process in (0..<3 * jobs).reduce(sum) { $0 + Self.line(process, $1).count }
        }
        let bytes = Wire.read(descriptor, count: total, chunk: 5_003) {
            submit()
            if job > jobs { submit() }
            if job > 2 * jobs { submit() }
        }
        #expect(bytes.count == total)
        var next = [0, 0, 0]
        for line in bytes.split(separator: 10) {
            let process = Int(line[line.startIndex] &- UInt8(ascii: "0"))
            try #require(next.indices.contains(process))
            let expected = Self.line(process, next[process]).dropLast()
            try #require(line.elementsEqual(expected), "process \(process), line \(next[process])")
            next[process] += 1
        }
        #expect(next == [3 * jobs, 3 * jobs, 3 * jobs])
        let written = wire.statistics.value(wire.hub.statistics.sentDirectly)
        #expect(wire.statistics.value(wire.hub.statistics.sentMessages) == 9 * jobs)
        #expect(
            directly ? written > 0 && written < 9 * jobs : written == 0,
            "\(written) of \(9 * jobs) were written by processes")
    }

    /// The peer goes away, by a reset or in good order, while processes write: each message is sent, reported or
    /// refused, once; the second descriptor is closed.
    @Test func accountsForAllWhenThePeerGoes() throws {
        let wire = try Wire(Self.roomy())
        defer { wire.stop() }
        let refused = Atomic<Int>(0)
        let asked = Atomic<Int>(0)
        var connections: [Connection] = []
        for round in 0..<60 {
            let (descriptor, connection) = wire.connect(receiveBuffer: round % 3 == 0 ? 4096 : nil)
            connections.append(connection)
            let destination = wire.destination(connection)
            for process in 0..<3 {
                for job in 0..<20 {
                    wire.run(on: process) { port in
                        asked.add(2, ordering: .relaxed)
                        for number in [job, job + 1] where !port.send(Self.line(process, number), to: destination) {
                            refused.add(1, ordering: .relaxed)
                        }
                    }
                }
            }
            _ = Wire.read(descriptor, count: 1 + round * 200, chunk: 500)
            if round % 2 == 0 {
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            }
            Glibc.close(descriptor)
        }
        #expect(eventually { wire.hub.connections.isEmpty })
        let sent = { wire.statistics.value(wire.hub.statistics.sentMessages) }
        let all = 60 * 3 * 20 * 2
        #expect(
            eventually {
                asked.load(ordering: .relaxed) == all
                    && sent() + wire.failures.load(ordering: .relaxed) + refused.load(ordering: .relaxed) == all
            },
            "\(sent()) sent, \(wire.failures.load(ordering: .relaxed)) reported, \(refused.load(ordering: .relaxed)) refused"
        )
        #expect(connections.allSatisfy { $0.state.withLock { $0.descriptor == -1 && $0.queue.isEmpty } })
        #expect(wire.statistics.value(wire.hub.statistics.sentDirectly) > 0)
    }

    /// A peer that reads nothing is cut after `stallMilliseconds`, however little waits in the channel.
    @Test func cutsWhoReadsNothing() throws {
        var options = Self.roomy()
        options.stallMilliseconds = 200
        let wire = try Wire(options)
        defer { wire.stop() }
        let (descriptor, connection) = wire.connect(receiveBuffer: 4096)
        defer { Glibc.close(descriptor) }
        let destination = wire.destination(connection)
        // Message by message, until the socket takes no more.
        let done = Atomic<Int>(0)
        var asked = 0
        while connection.state.withLock({ $0.sender != .loop }), asked < 1000 {
            asked += 1
            wire.run(on: 0) { port in
                _ = port.send(Array(repeating: 120, count: 60_000), to: destination)
                port.flush()
                done.add(1, ordering: .relaxed)
            }
            #expect(eventually { done.load(ordering: .relaxed) == asked })
        }
        let since = Connection.now
        #expect(connection.bytesWaiting < 60_000, "what did not fit is in the channel, less than makes it unwritable")
        #expect(eventually { wire.reasons.withLock { $0 == [.slowReader] } })
        #expect(Connection.now - since >= 100)
        #expect(eventually { wire.failures.load(ordering: .relaxed) == 1 })
    }

    /// A peer that reads slowly, but reads, is not cut, however long a write takes, be it in the channel that most of it
    /// waits, or in the system's buffer, where no write tells of it.
    @Test(arguments: [8192, 1 << 20] as [Int32]) func keepsWhoReadsSlowly(sendBuffer: Int32) throws {
        var options = Self.roomy()
        options.stallMilliseconds = 2000
        let wire = try Wire(options)
        defer { wire.stop() }
        let (descriptor, connection) = wire.connect(receiveBuffer: 4096)
        defer { Glibc.close(descriptor) }
        var room = sendBuffer
        setsockopt(connection.state.withLock { $0.descriptor }, SOL_SOCKET, SO_SNDBUF, &room, 4)
        let destination = wire.destination(connection)
        // More than the system's buffer holds (twice what was asked for), by as much as one write takes.
        let count = Int(sendBuffer) * 2 + (240 << 10)
        wire.run(on: 0) { port in
            for _ in 0..<count / 1000 { _ = port.send(Array(repeating: 120, count: 1000), to: destination) }
        }
        let since = Connection.now
        // Some 50 kB/s.
        let slow = Wire.read(descriptor, count: 220_000, chunk: 500) {
            if Connection.now - since < 4400 { usleep(10_000) }
        }
        #expect(Connection.now - since >= 4400, "slower than the time that a peer has which takes nothing")
        #expect(wire.reasons.withLock { $0.isEmpty })
        let rest = Wire.read(descriptor, count: count / 1000 * 1000 - slow.count)
        #expect(slow.count + rest.count == count / 1000 * 1000)
    }

    /// What was sent before the close leaves before it, whoever is to write it.
    @Test(arguments: [1, 20]) func closesBehindWhatWasSent(messages: Int) throws {
        let wire = try Wire(ConnectionOptions())
        defer { wire.stop() }
        for round in 0..<30 {
            let (descriptor, connection) = wire.connect()
            let destination = wire.destination(connection)
            wire.run(on: round % 3) { port in
                for number in 0..<messages { _ = port.send(Self.line(0, number), to: destination) }
                port.close(connection.id)
            }
            let expected = (0..<messages).flatMap { Self.line(0, $0) }
            #expect(Wire.read(descriptor) == expected)
            Glibc.close(descriptor)
        }
        #expect(eventually { wire.hub.connections.isEmpty })
        #expect(wire.reasons.withLock { $0.allSatisfy { $0 == .asked } })
        #expect(wire.failures.load(ordering: .relaxed) == 0)
    }

    /// What is sent early in a pass that takes long leaves with what is sent later in it, not at its end.
    @Test func nobodyWaitsForTheEndOfALongPass() throws {
        let wire = try Wire(ConnectionOptions())
        defer { wire.stop() }
        let (descriptor, connection) = wire.connect()
        defer { Glibc.close(descriptor) }
        let destination = wire.destination(connection)
        let isReady = Atomic<Bool>(false)
        let isRead = Atomic<Bool>(false)
        let wasInTime = Atomic<Bool>(false)
        // The others are submitted while it runs, so that they are jobs of one pass.
        wire.run(on: 0) { _ in _ = eventually { isReady.load(ordering: .acquiring) } }
        wire.run(on: 0) { _ = $0.send(Array("first ".utf8), to: destination) }
        wire.run(on: 0) { port in
            usleep(10_000)
            _ = port.send(Array("second".utf8), to: destination)
        }
        wire.run(on: 0) { _ in
            wasInTime.store(eventually { isRead.load(ordering: .acquiring) }, ordering: .releasing)
        }
        isReady.store(true, ordering: .releasing)
        #expect(Wire.read(descriptor, count: 12) == Array("first second".utf8))
        isRead.store(true, ordering: .releasing)
        #expect(eventually { wasInTime.load(ordering: .acquiring) })
    }

    /// A message in the queue of a process whose pass goes on is sent by the next process that ends a pass.
    @Test func nobodyWaitsForAProcessThatIsHeldUp() throws {
        let wire = try Wire(ConnectionOptions())
        defer { wire.stop() }
        let (descriptor, connection) = wire.connect()
        defer { Glibc.close(descriptor) }
        let destination = wire.destination(connection)
        let isHeld = Atomic<Bool>(false)
        let mayGo = Atomic<Bool>(false)
        wire.run(on: 0) { port in
            _ = port.send(Array("first ".utf8), to: destination)
            isHeld.store(true, ordering: .releasing)
            _ = eventually { mayGo.load(ordering: .acquiring) }
        }
        #expect(eventually { isHeld.load(ordering: .acquiring) })
        wire.run(on: 1) { _ = $0.send(Array("second".utf8), to: destination) }
        #expect(Wire.read(descriptor, count: 12) == Array("first second".utf8))
        mayGo.store(true, ordering: .releasing)
    }
}
