import Glibc
import Testing

@testable import Reactor

/// What a pass that takes long does between two pieces of work. The reactor is driven by hand on the test's thread.
struct StretchTests {
    private static let holdMicroseconds = UInt32(Reactor.stretchNanosecondsMax / 1000) + 1000
    private let process: ReactorProcess
    private var reactor: Reactor { process.reactor }

    init() throws {
        process = try ProcessTable(profiler: nil, statistics: Statistics()).make(
            description: "SIP receiver udp:127.0.0.1:5060", kind: .udp)
    }

    private func submit(_ body: @escaping () -> Void) {
        nonisolated(unsafe) let body = body
        #expect(reactor.submit(.silent) { body() })
    }

    @Test func whatGathersLeavesBetweenTwoJobsOfALongPass() {
        let target = Target()
        var seen: [Int] = []
        submit {
            self.reactor.atEndOfPass(target)
            usleep(Self.holdMicroseconds)
        }
        submit { seen.append(target.calls) }
        while seen.isEmpty { reactor.runOnce() }
        #expect(seen == [1])
        reactor.runOnce()
        #expect(target.calls == 1, "once only")
    }

    @Test func whatGathersInAShortPassWaitsForItsEnd() {
        // A machine that stands still between the two jobs makes the pass long: not five times running.
        let seen = (0..<5).map { _ in
            let target = Target()
            var atSecond = -1
            submit { self.reactor.atEndOfPass(target) }
            submit { atSecond = target.calls }
            while target.calls == 0 { reactor.runOnce() }
            return atSecond
        }
        #expect(seen.contains(0))
    }

    @Test func aLongJobMakesWayForTheSockets() throws {
        let sockets = try Pair()
        var order: [String] = []
        let registration = try reactor.add(sockets.near, for: .readable) { _ in
            order.append("descriptor")
            sockets.read()
        }
        submit {
            sockets.write()
            usleep(Self.holdMicroseconds)
        }
        submit { order.append("job") }
        while order.count < 2 { reactor.runOnce() }
        registration.remove()
        #expect(order == ["descriptor", "job"])
    }

    @Test func jobsHaveAsLongAsTheDescriptorsHad() throws {
        let sockets = try Pair()
        let registration = try reactor.add(sockets.near, for: .readable) { _ in
            sockets.read()
            usleep(40 * Self.holdMicroseconds)
        }
        var done = 0
        for _ in 0..<4 {
            submit {
                done += 1
                usleep(Self.holdMicroseconds)
            }
        }
        sockets.write()
        reactor.runOnce()
        registration.remove()
        #expect(done == 4)
    }

    @Test func theClockMovesOnInALongPass() {
        var times: [Int64] = []
        for _ in 0..<2 {
            submit {
                times.append(self.reactor.nowNanoseconds)
                usleep(Self.holdMicroseconds)
            }
        }
        while times.count < 2 { reactor.runOnce() }
        #expect(times[1] - times[0] >= Reactor.stretchNanosecondsMax)
        let figures = reactor.figures.snapshot()
        #expect(figures.busyNanoseconds >= 2 * Reactor.stretchNanosecondsMax)
    }
}

private final class Target: PassEndTarget {
    private(set) var calls = 0

    func passEnded() { calls += 1 }
}

private final class Pair {
    let near: Int32
    private let far: Int32

    init() throws {
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        (near, far) = (pair[0], pair[1])
    }

    deinit {
        close(near)
        close(far)
    }

    func write() { #expect(Glibc.write(far, "x", 1) == 1) }

    func read() {
        var byte: UInt8 = 0
        #expect(Glibc.read(near, &byte, 1) == 1)
    }
}
