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
    /// number is refused, where the peer lists. With `holder` the level is not set but held (``LevelHold``).
    static func registerProfiling(in registry: inout CommandRegistry, _ context: ManagementContext) {
        let held = ["level", "holder", "expire"]
        registry.add(
            "core:profiling_proc",
            "Lists, sets, or holds for a time the profiling level: 0 off, 1 SIP stack, 2 extra processes too, 3 timer jobs too.",
            [[], ["id"], ["pid"], ["level"], ["id", "level"], ["pid", "level"], held, ["id"] + held, ["pid"] + held]
        ) { call throws(RPCError) in
            let id = try call.optionalInteger("id", allowed: "the ID of a process, see ps")
            let pid = try call.optionalInteger("pid", allowed: "the PID of a process, see ps")
            let levelNumber = try call.optionalInteger(
                "level", allowed: "0 (off), 1 (SIP stack), 2 (extra processes), 3 (timer jobs)")
            let chosen = try choose(context.processes.all, id: id, pid: pid)
            guard let levelNumber else {
                return ["Processes": .array(chosen.map { .object(listing($0, context.profiler)) })]
            }
            let level: Level = levelNumber < 0 ? .off : Level(rawValue: levelNumber) ?? .timers
            let ids: [Int?] = id == nil && pid == nil ? [nil] : chosen.map(\.id)
            if let holder = try call.optionalString("holder") {
                try hold(level, ids, holder, call, context.profiler)
            } else {
                for id in ids { context.profiler.setLevel(level, process: id) }
            }
            return "OK"
        }
    }

    private static func hold(
        _ level: Level, _ ids: [Int?], _ holder: String, _ call: CommandCall, _ profiler: Profiler
    ) throws(RPCError) {
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
