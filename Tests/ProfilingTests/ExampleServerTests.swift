import Profiling
import Synchronization
import Testing

/// The example of docs/profiling-library.md, as it stands there: a small server of two threads.
@Suite struct ExampleServerTests {
    @Test func twoThreadsShowWhatTheyDo() {
        let profiler = Profiler()
        let server = KeyValueServer(profiler: profiler)
        let consumer = Consumer(name: "example")
        profiler.attach(consumer, wants: .process)
        profiler.setLevel(.stack)
        profiler.start()
        server.start()
        for number in 0..<100 {
            server.submit(.set("key \(number)", "value \(number)"))
            server.submit(.get("key \(number)"))
        }
        server.stop()
        profiler.stop()

        var records: [ProfilingRecord] = []
        while let batch = consumer.next() { records += batch }
        #expect(consumer.losses.total == 0)
        let sessions = Dictionary(grouping: records, by: \.session)
        #expect(sessions.count == 200)
        #expect(Set(records.map(\.process)).isSubset(of: [0, 1]))
        for session in sessions.values {
            #expect(session.map(\.verb) == [.start, .enter, .enter, .exit, .exit, .end])
            #expect(session[1].name == "handle")
            #expect(["get", "set"].contains(session[2].name))
            #expect(session[2].name == session[3].name)
            // A get may come to the quicker worker before its set is done.
            #expect(session[3].status == 1 || session[3].name == "get")
        }
        #expect(sessions.values.count { $0[2].name == "get" } == 100)
    }
}

/// A server that keeps texts under keys; each worker thread is a process.
final class KeyValueServer: Sendable {
    enum Request: Sendable {
        case get(String)
        case set(String, String)
    }

    /// What there is to see, named once.
    enum Sites {
        static let worker = Site("worker", interest: .process)
        static let handle = Site("handle", file: "KeyValueServer", line: 1)
        static let get = Site("get", file: "KeyValueServer", line: 2)
        static let set = Site("set", file: "KeyValueServer", line: 3)
    }

    private let values = Mutex<[String: String]>([:])
    private let queue = RequestQueue()
    private let workers: [Worker]

    init(profiler: Profiler) {
        // One probe per thread; the level is set through the profiler, by the number that the probe knows.
        let probes = (1...2).map { number in profiler.addProcess(description: "worker \(number)", type: 4) }
        workers = probes.map(Worker.init)
    }

    func start() {
        for worker in workers { worker.start { self.run(worker.probe) } }
    }

    func submit(_ request: Request) { queue.put(request) }

    /// Lets the workers finish what is queued.
    func stop() {
        queue.close()
        for worker in workers { worker.join() }
    }

    /// A worker's thread: each request is a session.
    private func run(_ probe: Probe) {
        while let request = queue.take() {
            probe.begin(Sites.worker)
            probe.enter(Sites.handle)
            handle(request, probe)
            probe.exit(Sites.handle)
            probe.end()
        }
    }

    private func handle(_ request: Request, _ probe: Probe) {
        switch request {
        case .get(let key):
            probe.enter(Sites.get)
            let found = values.withLock { $0[key] }
            probe.exit(Sites.get, status: found == nil ? 0 : 1)
        case .set(let key, let value):
            probe.enter(Sites.set)
            values.withLock { $0[key] = value }
            probe.exit(Sites.set, status: 1)
        }
    }
}
