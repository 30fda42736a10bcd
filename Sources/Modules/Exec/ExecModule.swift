import Bytes
import CPlatform
import Foundation
import Profiling
import Reactor
import RouteRuntime
import Synchronization

/// `exec` at work: starts `/bin/sh -c command` and follows it on the reactor of the script's process.
final class ExecModule: Sendable {
    /// Programs that one process may have running at a time; beyond, `exec()` fails.
    static let childrenMax = 256

    private let setsVariables: Bool
    private let secondsMax: Int
    /// Pids of the programs that run, or that have left something behind which holds their pipes, by process. Their
    /// groups are theirs.
    private let running = Mutex<[Int: Set<Int32>]>([:])

    static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let seconds = environment.parameters.integer("exec", "time_to_kill") ?? 0
        guard seconds >= 0 else {
            throw ModuleError.value("exec", "time_to_kill", ByteString(decimal: seconds))
        }
        // Without the status of ended children none of them would ever be seen to end.
        cplatform_children_prepare()
        let module = ExecModule(setsVariables: environment.parameters.isOn("exec", "setvars"), secondsMax: seconds)
        environment.atStop { module.stop() }
        return ModuleBinding("exec", functions: ["exec": { call in module.execute(call) }])
    }

    private init(setsVariables: Bool, secondsMax: Int) {
        self.setsVariables = setsVariables
        self.secondsMax = secondsMax
    }

    /// How long the server's end waits for programs to take SIGTERM.
    private static let stopMilliseconds = 500

    /// Ends what still runs: nobody follows it any more. What is deaf to SIGTERM is killed.
    private func stop() {
        var left = running.withLock { running in
            defer { running = [:] }
            return running.values.flatMap(\.self)
        }
        for pid in left { kill(-pid, SIGTERM) }
        let step = 10
        for _ in 0..<(Self.stopMilliseconds / step) where !left.isEmpty {
            left.removeAll { pid in
                cplatform_child_reap(pid)
                return kill(-pid, 0) != 0
            }
            if !left.isEmpty { usleep(UInt32(step * 1000)) }
        }
        for pid in left { kill(-pid, SIGKILL) }
    }

    private func execute(_ call: borrowing Call) -> Outcome {
        guard let command = call.string(0)?.trimmed(), !command.isEmpty, !command.contains(0) else { return .no }
        let process = call.process.process
        guard running.withLock({ ($0[process.id] ?? []).count < Self.childrenMax }) else {
            call.log(.error, "exec: \(Self.childrenMax) programs run already")
            return .no
        }
        let wanted = (output: call.isPresent(2), error: call.isPresent(3))
        // Nobody waits for a program without output, but a script that is not held up by it learns how it ended.
        let waitsForEnd = !wanted.output && !wanted.error && call.isAsynchronous
        let child: ChildProgram
        do throws(SystemCallError) {
            child = try ChildProgram(
                command: command.string, environment: environment(call), input: call.string(1) ?? .empty,
                wantsOutput: wanted.output, wantsError: wanted.error, secondsMax: secondsMax,
                on: process.reactor)
        } catch {
            call.log(.error, "exec: \(error)")
            return .no
        }
        let pid = child.pid
        running.withLock { _ = $0[process.id, default: []].insert(pid) }
        child.onGone = { [self] in running.withLock { _ = $0[process.id]?.remove(pid) } }
        guard wanted.output || wanted.error || waitsForEnd else { return .yes }
        let resumption = call.wait { child.end() }
        child.follow(until: waitsForEnd ? .ended : .silent) { result in
            resumption.resume { call in Self.finish(call, result) }
        }
        return .suspended
    }

    /// Every line becomes a value, so that an AVP holds them all and another variable the last.
    private static func finish(_ call: borrowing Call, _ result: ChildProgram.Result) -> Outcome {
        for (index, text) in [(2, result.output), (3, result.error)] where call.isPresent(index) {
            for line in lines(text) where !call.assign(index, .string(line)) {
                call.log(.warning, "exec: the variable takes no more lines: the rest is lost")
                break
            }
        }
        if result.isCut {
            call.log(.warning, "exec: more than \(ChildProgram.outputBytesMax) bytes of output: the rest is lost")
        }
        if result.wasEnded { call.log(.warning, "exec: the program was ended (time_to_kill)") }
        return Outcome(!result.wasEnded && (result.status ?? 0) == 0)
    }

    private static func lines(_ text: [UInt8]) -> [ByteString] {
        var parts = ByteString(text).split(at: ASCII.lineFeed)
        if parts.last?.isEmpty == true { parts.removeLast() }
        return parts.map { $0.last == ASCII.carriageReturn ? $0.dropLast(1) : $0 }
    }

    // MARK: Environment

    private func environment(_ call: borrowing Call) -> [String] {
        var all = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        if call.isPresent(4) {
            for (index, value) in call.values(4).enumerated() {
                all.append("OSIPS_EXEC_\(index)=\(value.text?.string ?? "")")
            }
        }
        if setsVariables { all += ExecVariables.of(call.context) }
        return all
    }
}
