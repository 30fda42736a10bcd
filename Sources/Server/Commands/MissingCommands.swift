import JSONRPC
import Management

/// Commands that the peer's manual lists and SIPRay does not have: they answer 501 and say what to use instead.
enum MissingCommands {
    static func register(in registry: inout CommandRegistry) {
        let rules = "rules are those of dst_blacklist in the script: change that and restart the server"
        missing(
            "blacklists:add_rule", ["add_blacklist_rule"], [["name", "rule"], ["name", "rule", "expire"]], rules,
            in: &registry)
        missing("blacklists:del_rule", ["del_blacklist_rule"], [["name", "rule"]], rules, in: &registry)
        let memory = "SIPRay has no memory pool of its own: ask statistics:get for memory:"
        missing("mem:pkg_dump", ["mem_pkg_dump"], [["pid"], ["pid", "log_level"]], memory, in: &registry)
        missing("mem:rpm_dump", ["mem_rpm_dump"], [[], ["log_level"]], memory, in: &registry)
        missing("mem:shm_dump", ["mem_shm_dump"], [[], ["log_level"]], memory, in: &registry)
        missing("mem:shm_check", ["mem_shm_check", "shm_check"], [[]], memory, in: &registry)
    }

    /// Those of `cachedb_local`, where the script does not load it.
    static func registerCache(in registry: inout CommandRegistry) {
        let cache = "the script does not load cachedb_local.so, which has the store"
        missing(
            "cache:store", ["cache_store"], [["system", "attr", "value"], ["system", "attr", "value", "expire"]], cache,
            in: &registry)
        missing("cache:fetch", ["cache_fetch"], [["system", "attr"]], cache, in: &registry)
        missing("cache:remove", ["cache_remove"], [["system", "attr"]], cache, in: &registry)
    }

    /// - Parameter reason: why it is not there and what to do instead.
    static func missing(
        _ name: String, _ aliases: [String], _ recipes: [[String]], _ reason: String, in registry: inout CommandRegistry
    ) {
        registry.add(name, aliases: aliases, "Not there: \(reason).", recipes) { _ throws(RPCError) in
            throw RPCError(code: 501, message: "Not implemented", data: .string(reason))
        }
    }
}
