import JSONRPC
import Reactor

extension CoreCommands {
    static func registerStatistics(in registry: inout CommandRegistry, _ statistics: Statistics) {
        registry.add(
            "statistics:get", aliases: ["get_statistics"],
            "Tells figures; statistics is an array of all, GROUP: or NAME.", [["statistics"]]
        ) { call throws(RPCError) in
            var object = JSONObject()
            for value in select(try call.strings("statistics"), statistics) {
                object.append(value.fullName, .integer(value.value))
            }
            return .object(object)
        }
        registry.add(
            "statistics:list", aliases: ["list_statistics"],
            "Lists figures and whether they only grow; statistics is an array of GROUP: or NAME.", [[], ["statistics"]]
        ) { call throws(RPCError) in
            var object = JSONObject()
            for value in select(call.has("statistics") ? try call.strings("statistics") : ["all"], statistics) {
                object.append(value.fullName, .string(value.kind == .incremental ? "incremental" : "non-incremental"))
            }
            return .object(object)
        }
        registry.add(
            "statistics:reset", aliases: ["reset_statistics"],
            "Sets figures back to 0, if they only grow; statistics is an array of GROUP: or NAME.", [["statistics"]]
        ) { call throws(RPCError) in
            for selector in try call.strings("statistics") { statistics.reset(selector) }
            return "OK"
        }
        registry.add(
            "statistics:reset_all", aliases: ["reset_all_statistics"], "Sets all figures that only grow back to 0."
        ) { _ in
            statistics.reset("all")
            return "OK"
        }
    }

    /// What the selectors name, each figure once.
    private static func select(_ selectors: [String], _ statistics: Statistics) -> [Statistics.Value] {
        var seen: Set<String> = []
        return selectors.flatMap { statistics.select($0) }.filter { seen.insert($0.fullName).inserted }
    }
}
