import Testing

@testable import Reactor

struct LoadSamplerTests {
    @Test func loadIsTheBusyShareOfTheWindow() throws {
        let statistics = Statistics()
        let table = ProcessTable(profiler: nil, statistics: statistics)
        for kind in [ProcessKind.other, .udp, .udp] { _ = try table.make(description: "\(kind)", kind: kind) }
        let sampler = LoadSampler(table: table)
        sampler.register(on: statistics)
        func value(_ name: String) -> Int? { statistics.select("load:\(name)").first?.value }
        #expect(value("load") == 0)
        let second = 1_000_000_000
        // The first process is always busy, the second half of the time, the third in the last second only.
        for step in 0...700 {
            let third = step == 700 ? second : 0
            sampler.add([step * second, step * second / 2, third], at: 5 + step * second)
        }
        #expect(value("load") == 75)
        #expect(value("load-all") == 83)
        #expect(value("load1m") == 25)
        #expect(value("load-proc-0") == 100)
        #expect(value("load10m-proc-1") == 50)
        #expect(value("load-proc-2") == 100)
        #expect(value("load1m-proc-2") == 1)
        #expect(value("load10m-proc-2") == 0)
        #expect(value("processes_number") == 3)
    }
}
