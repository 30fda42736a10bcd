import JSONRPC
import Profiling
import Reactor

extension CoreCommands {
    /// `core:profiling_proc` as the seed has it: without `level` it lists, with it it sets; `id` or `pid` choose one
    /// process, else it is all. A level beyond the ends is taken as the nearest, as the peer does; what is no whole
    /// number is refused, where the peer lists.
    static func registerProfiling(in registry: inout CommandRegistry, _ context: ManagementContext) {
        registry.add(
            "core:profiling_proc",
            "Lists or sets the profiling level: 0 off, 1 SIP stack, 2 extra processes too, 3 timer jobs too.",
            [[], ["id"], ["pid"], ["level"], ["id", "level"], ["pid", "level"]]
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
            if id == nil, pid == nil {
                context.profiler.setLevel(level)
            } else {
                for process in chosen { context.profiler.setLevel(level, process: process.id) }
            }
            return "OK"
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
        return object
    }
}
