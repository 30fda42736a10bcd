import JSONRPC
import Profiling
import Reactor

extension CoreCommands {
    /// Seconds for which a level may be held before it is held anew.
    private static let holdSecondsMax = 86_400
    /// Bytes of a holder's name.
    private static let holderBytesMax = 200

    /// `core:profiling_proc` as the seed has it: without `level` it lists, with it it sets; `id` or `pid` choose one
    /// process, else it is all. A level beyond the ends is taken as the nearest, as the peer does; what is no whole
    /// number is refused, where the peer lists. `core:profiling_hold` is ours: it holds a level (``LevelHold``).
    static func registerProfiling(in registry: inout CommandRegistry, _ context: ManagementContext) {
        registry.add(
            "core:profiling_proc",
            "Lists or sets the profiling level: 0 off, 1 SIP stack, 2 extra processes too, 3 timer jobs too.",
            [[], ["id"], ["pid"], ["level"], ["id", "level"], ["pid", "level"]]
        ) { call throws(RPCError) in
            let target = try Target(call, context)
            guard let level = try wantedLevel(call) else {
                return ["Processes": .array(target.processes.map { .object(listing($0, context.profiler)) })]
            }
            for id in target.ids { context.profiler.setLevel(level, process: id) }
            return "OK"
        }
        let held = ["level", "holder", "expire"]
        registry.add(
            "core:profiling_hold",
            "Keeps the profiling level at least there for so many seconds; expire=0 lets go.",
            [held, ["id"] + held, ["pid"] + held]
        ) { call throws(RPCError) in
            let target = try Target(call, context)
            guard let level = try wantedLevel(call) else { throw CommandCall.badType("level", allowed: levelsAllowed) }
            try hold(level, target.ids, call, context.profiler)
            return "OK"
        }
    }

    private static let levelsAllowed = "0 (off), 1 (SIP stack), 2 (extra processes), 3 (timer jobs)"

    private static func wantedLevel(_ call: CommandCall) throws(RPCError) -> Level? {
        try call.optionalInteger("level", allowed: levelsAllowed).map { number in
            number < 0 ? .off : Level(rawValue: number) ?? .timers
        }
    }

    /// The processes that `id` or `pid` chooses; all without either.
    private struct Target {
        let processes: [ReactorProcess]
        /// As the profiler takes them: nil for all.
        let ids: [Int?]

        init(_ call: CommandCall, _ context: ManagementContext) throws(RPCError) {
            let id = try call.optionalInteger("id", allowed: "the ID of a process, see ps")
            let pid = try call.optionalInteger("pid", allowed: "the PID of a process, see ps")
            processes = try CoreCommands.choose(context.processes.all, id: id, pid: pid)
            ids = id == nil && pid == nil ? [nil] : processes.map(\.id)
        }
    }

    private static func hold(
        _ level: Level, _ ids: [Int?], _ call: CommandCall, _ profiler: Profiler
    ) throws(RPCError) {
        let holder = try call.string("holder")
        let allowed = "1 to \(holdSecondsMax) seconds; 0 lets go"
        let seconds = try call.integer("expire", allowed: allowed)
        guard (0...holdSecondsMax).contains(seconds) else { throw CommandCall.badType("expire", allowed: allowed) }
        guard !holder.isEmpty, holder.utf8.count <= holderBytesMax else {
            throw CommandCall.badType("holder", allowed: "a name of up to \(holderBytesMax) bytes")
        }
        for id in ids {
            if seconds == 0 {
                profiler.release(holder: holder, process: id)
            } else if !profiler.hold(
                level, process: id, holder: holder, nanoseconds: UInt64(seconds) * 1_000_000_000)
            {
                throw RPCError(code: 503, message: "Too many holders")
            }
        }
    }

    private static func choose(
        _ processes: [ReactorProcess], id: Int?, pid: Int?
    ) throws(RPCError) -> [ReactorProcess] {
        if let id {
            guard let process = processes.first(where: { $0.id == id }) else {
                throw .invalidParameters("Bad process ID")
            }
            return [process]
        }
        if let pid {
            // A process that does not run yet has PID 0, which nobody may name.
            guard pid > 0, let process = processes.first(where: { $0.pid == pid }) else {
                throw .invalidParameters("Bad PID")
            }
            return [process]
        }
        return processes
    }

    private static func listing(_ process: ReactorProcess, _ profiler: Profiler) -> JSONObject {
        var object = process.listing
        object.append("Profiling level", .integer(profiler.level(process: process.id)?.rawValue ?? 0))
        object.append("Type", .string(process.description))
        if let held = profiler.holds(process: process.id), !held.holds.isEmpty {
            object.append("Own level", .integer(held.own.rawValue))
            let holders = held.holds.map { hold, secondsLeft in
                "\(hold.holder) level \(hold.level.rawValue)" + (secondsLeft.map { " for \($0) s" } ?? "")
            }
            object.append("Held by", .string(holders.joined(separator: ", ")))
        }
        return object
    }
}
