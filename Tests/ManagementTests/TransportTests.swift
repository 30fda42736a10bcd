import Glibc
import JSONRPC
import Logging
import Profiling
import Reactor
import Testing

@testable import Management

/// A directory of one test, removed with it.
private final class Directory {
    let path: String

    init() {
        var template = Array("/tmp/sipray-mi-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { unlink(path + "/" + name) }
        }
        closedir(directory)
        rmdir(path)
    }
}

private func mode(_ path: String) -> UInt32 {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
}

/// Processes 2 and 3 serve a UDP socket, a unix socket and a FIFO.
private struct Transports {
    let directory = Directory()
    let bench: ManagementBench
    let fifo: ManagementClient
    let udp: ManagementClient
    let unix: ManagementClient
    var fifoPath: String { directory.path + "/fifo" }

    init(restMilliseconds: Int = 2000, checkMilliseconds: Int = 30_000, requestBytesMax: Int = 1 << 20) throws {
        let path = directory.path
        var fifo = FIFOConfiguration(path: path + "/fifo", replyDirectory: path)
        fifo.restMilliseconds = restMilliseconds
        fifo.checkMilliseconds = checkMilliseconds
        fifo.requestBytesMax = requestBytesMax
        let unix = DatagramConfiguration(address: .unix(path: path + "/sock"))
        let udp = DatagramConfiguration(address: .udp(SocketAddress(127, 0, 0, 1, port: 0)))
        var udpAddress: DatagramConfiguration.Address?
        bench = try ManagementBench(
            prepare: { bench in
                try FIFOServer(
                    configuration: fifo, dispatcher: bench.dispatcher, process: bench.processes.all[3],
                    logger: bench.logger
                ).open()
                for (configuration, id) in [(udp, 2), (unix, 1)] {
                    let listener = try DatagramListener(configuration)
                    if id == 2 { udpAddress = listener.address }
                    try DatagramServer(
                        configuration: configuration, listener: listener, dispatcher: bench.dispatcher,
                        process: bench.processes.all[id], logger: bench.logger
                    ).open()
                }
            },
            commands: { registry in
                registry.add("t:big", "A big reply.", [["bytes"]]) { call throws(RPCError) in
                    .string(String(repeating: "x", count: try call.integer("bytes")))
                }
                registry.addLater("t:later", "Answers from another thread.") { _, reply in
                    Thread.run { reply.succeed("late") }
                }
            })
        self.fifo = ManagementClient(.fifo(path: path + "/fifo", replyDirectory: path))
        self.unix = ManagementClient(.unix(path: path + "/sock"))
        let endpoint = try ManagementEndpoint.parse(try #require(udpAddress).description)
        self.udp = ManagementClient(endpoint)
    }

    var all: [ManagementClient] { [fifo, udp, unix] }

    /// Writes raw bytes into the FIFO.
    func write(_ text: String) {
        let descriptor = open(fifoPath, O_WRONLY)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// Makes a reply FIFO, writes a request that names it, and gives what comes.
    func answer(_ name: String, _ text: String) -> String? {
        let path = directory.path + "/" + name
        mkfifo(path, 0o600)
        let reply = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reply) }
        write(text)
        return read(reply)
    }

    func read(_ reply: Int32) -> String? {
        var entry = pollfd(fd: reply, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 5000) == 1 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = Glibc.read(reply, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}

private enum Thread {
    static func run(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }
}

@Suite struct TransportTests {
    @Test func everyTransportAnswers() throws {
        let transports = try Transports()
        for client in transports.all {
            #expect(try client.call("ps")["Processes"]?.arrayValue?.count == 8)
            #expect(try client.call("core:profiling_proc", .named(["id": 3, "level": "2"])) == "OK")
            #expect(try client.call("profiling_proc", .named(["id": 3]))["Processes"]?[0]?["Profiling level"] == 2)
            #expect(throws: ManagementClientError.refused(.methodNotFound)) { try client.call("nope") }
            #expect(try client.call("t:later") == "late")
            #expect(try client.call("t:big", .positional([60_000])).stringValue?.count == 60_000)
            let reply = try JSONParser.parse(try client.exchange(Array("[]".utf8)))
            #expect(reply["error"]?["code"] == -32600)
            let garbage = try JSONParser.parse(try client.exchange(Array("garbage".utf8)))
            #expect(garbage["error"]?["code"] == -32700)
        }
    }

    @Test func filesAreNotOpenToTheWorld() throws {
        let transports = try Transports()
        #expect(mode(transports.fifoPath) == 0o660)
        #expect(mode(transports.directory.path + "/sock") == 0o660)
        #expect(FileAccess().mode == 0o660)
        #expect(DatagramConfiguration.Address("udp:8080")?.description == "udp:127.0.0.1:8080")
        #expect(DatagramConfiguration.Address("udp::8080")?.description == "udp:127.0.0.1:8080")
        #expect(DatagramConfiguration.Address("udp:0.0.0.0:8080")?.description == "udp:0.0.0.0:8080")
        #expect(DatagramConfiguration.Address("udp:[::1]:8080")?.description == "udp:[::1]:8080")
        #expect(DatagramConfiguration.Address("udp:") == nil)
        #expect(DatagramConfiguration.Address("") == nil)
    }

    @Test func repliesTooBigForADatagramAreRefused() throws {
        let transports = try Transports()
        #expect(try transports.fifo.call("t:big", .positional([1_000_000])).stringValue?.count == 1_000_000)
        for client in [transports.udp, transports.unix] {
            #expect {
                try client.call("t:big", .positional([70_000]))
            } throws: { error in
                guard case .refused(let error)? = error as? ManagementClientError else { return false }
                return error.code == -32000 && error.description.contains("use the FIFO")
            }
            #expect {
                try client.call("t:big", .positional([.string(String(repeating: "x", count: 66_000))]))
            } throws: { error in
                (error as? ManagementClientError)?.description.contains("use the FIFO") == true
            }
        }
    }

    @Test func theFIFOSurvivesBadClients() throws {
        let transports = try Transports(restMilliseconds: 100, requestBytesMax: 4000)
        // Nobody ever opens these reply FIFOs, or they are no FIFOs, or not in the directory.
        mkfifo(transports.directory.path + "/never", 0o600)
        let file = transports.directory.path + "/file"
        close(open(file, O_CREAT | O_WRONLY, 0o600))
        let outside = transports.directory.path + "-outside"
        mkfifo(outside, 0o600)
        defer { unlink(outside) }
        let name = outside.split(separator: "/").last.map(String.init) ?? ""
        let request = #"{"jsonrpc":"2.0","id":1,"method":"ps"}"#
        for reply in ["never", "gone", "file", "../\(name)", "..", ".", "a/b"] {
            transports.write(":\(reply):\(request)\n")
        }
        #expect(try transports.fifo.call("pwd")["WD"] != nil)
        #expect(open(outside, O_RDONLY | O_NONBLOCK) >= 0)
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_size == 0, "nothing is written to what is no FIFO")
        // Several requests in one write; a notification and a nameless request in between.
        let two = transports.answer("two", "::\(request):none:{\"jsonrpc\":\"2.0\",\"method\":\"ps\"}:two:\(request)")
        #expect(two?.hasPrefix(#"{"jsonrpc":"2.0","result":{"Processes""#) == true)
        // A half request is answered with an error when its rest does not come, and the next one is served.
        #expect(transports.answer("half", ":half:{\"jsonrpc\":")?.contains("-32700") == true)
        #expect(transports.answer("again", ":again:\(request)")?.contains("Processes") == true)
        let long = ":long:{\"jsonrpc\":\"2.0\",\"method\":\"" + String(repeating: "x", count: 5000)
        #expect(transports.answer("long", long)?.contains("-32600") == true)
        #expect(try transports.fifo.call("pwd")["WD"] != nil)
    }

    @Test func aReaderThatComesLateIsServed() throws {
        let transports = try Transports()
        let path = transports.directory.path + "/late"
        mkfifo(path, 0o600)
        transports.write(#":late:{"jsonrpc":"2.0","id":1,"method":"version"}"#)
        #expect(try transports.fifo.call("version") != .null)
        let reply = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reply) }
        #expect(transports.read(reply)?.contains("SIPRay") == true)
    }

    @Test func aDeletedFIFOIsMadeAgain() throws {
        let transports = try Transports(checkMilliseconds: 20)
        unlink(transports.fifoPath)
        #expect(eventually { mode(transports.fifoPath) == 0o660 })
        #expect(try transports.fifo.call("pwd")["WD"] != nil)
    }

    @Test func whatIsInTheWayIsLeftAlone() throws {
        let transports = try Transports()
        let path = transports.directory.path + "/file"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        let process = try ProcessTable(profiler: nil, statistics: Statistics()).make(description: "x", kind: .other)
        for taken in [path, transports.fifoPath] {
            let server = FIFOServer(
                configuration: FIFOConfiguration(path: taken), dispatcher: transports.bench.dispatcher,
                process: process, logger: transports.bench.logger)
            #expect(throws: ManagementSetupError.self) { try server.open() }
        }
        for taken in [path, transports.directory.path + "/sock"] {
            #expect(throws: ManagementSetupError.self) {
                try DatagramListener(DatagramConfiguration(address: .unix(path: taken)))
            }
        }
        #expect(try transports.fifo.call("pwd")["WD"] != nil)
    }

    @Test func theClientSaysWhatIsWrong() throws {
        let directory = Directory()
        let nowhere = ManagementEndpoint.fifo(path: directory.path + "/none", replyDirectory: directory.path)
        #expect(throws: ManagementClientError.notFound(nowhere)) { try ManagementClient(nowhere).call("ps") }
        let dead = ManagementEndpoint.fifo(path: directory.path + "/dead", replyDirectory: directory.path)
        mkfifo(directory.path + "/dead", 0o600)
        #expect(throws: ManagementClientError.nobodyListens(dead)) { try ManagementClient(dead).call("ps") }
        let silent = open(directory.path + "/dead", O_RDWR | O_NONBLOCK)
        defer { close(silent) }
        #expect(throws: ManagementClientError.noAnswer(dead, milliseconds: 50)) {
            try ManagementClient(dead, timeoutMilliseconds: 50).call("ps")
        }
        let unix = ManagementEndpoint.unix(path: directory.path + "/none")
        #expect(throws: ManagementClientError.notFound(unix)) { try ManagementClient(unix).call("ps") }
        let udp = ManagementEndpoint.udp(host: "127.0.0.1", port: 9)
        #expect(throws: ManagementClientError.nobodyListens(udp)) { try ManagementClient(udp).call("ps") }
    }

    @Test func aCallIsASessionWithThePeersNames() throws {
        let transports = try Transports()
        let consumer = Consumer(name: "test")
        let profiler = transports.bench.profiler
        profiler.setLevel(.extra)
        profiler.attach(consumer, wants: .process)
        _ = try transports.fifo.call("ps")
        _ = try transports.udp.call("ps")
        let expected = [
            ["start MI FIFO", "enter MI_FIFO reading 675", "enter MI_FIFO ps 779", "exit MI_FIFO ps 782 0"],
            ["exit MI_FIFO 817 0", "end MI FIFO 0"],
            ["start MI Datagram", "enter MI_DATAGRAM handling 503", "enter MI_DATAGRAM ps 529"],
            ["exit MI_DATAGRAM ps 532 0", "exit MI_DATAGRAM 596 0", "end MI Datagram 0"],
        ].flatMap { $0 }
        var records: [ProfilingRecord] = []
        #expect(
            eventually {
                profiler.collect()
                records += consumer.take()
                return records.count >= expected.count
            })
        let text = records.sorted { ($1.process, $0.nanoseconds) < ($0.process, $1.nanoseconds) }.map { record in
            ([record.verb.word, record.name]
                + [record.line.map(String.init), record.status.map(String.init)].compactMap { $0 })
                .joined(separator: " ")
        }
        #expect(text == expected)
    }
}
