import Bytes
import JSONRPC
import Management
import Modules

/// `cache:*` and `cachedb_local:*`: values that scripts share, from outside.
enum CacheCommands {
    static func register(in registry: inout CommandRegistry, _ cache: LocalCache) {
        registry.add(
            "cache:store", aliases: ["cache_store"], "Stores a value in the system `local`; expire is in seconds.",
            [["system", "attr", "value"], ["system", "attr", "value", "expire"]]
        ) { call throws(RPCError) in
            try check(call)
            let seconds = try call.optionalInteger("expire", allowed: "0 and more") ?? 0
            guard seconds >= 0 else { throw CommandCall.badType("expire", allowed: "0 and more") }
            guard
                cache.store(
                    ByteString(try call.string("attr")), ByteString(try call.string("value")), seconds: seconds)
            else { throw RPCError(code: 500, message: "There is no room for it") }
            return "OK"
        }
        registry.add(
            "cache:fetch", aliases: ["cache_fetch"], "Tells a value of the system `local`.", [["system", "attr"]]
        ) { call throws(RPCError) in
            try check(call)
            let name = try call.string("attr")
            guard let value = cache.fetch(ByteString(name)) else { return "Value not found" }
            return [name: .string(value.string)]
        }
        registry.add(
            "cache:remove", aliases: ["cache_remove"], "Removes a value of the system `local`.", [["system", "attr"]]
        ) { call throws(RPCError) in
            try check(call)
            cache.remove(ByteString(try call.string("attr")))
            return "OK"
        }
        registry.add(
            "cachedb_local:cache_remove_chunk", aliases: ["cache_remove_chunk"],
            "Removes the values whose keys a pattern fits.", [["glob"]]
        ) { call throws(RPCError) in
            guard cache.removeAll(matching: ByteString(try call.string("glob"))) else {
                throw RPCError(code: 400, message: "A pattern has at most \(LocalCache.patternBytesMax) bytes")
            }
            return "OK"
        }
    }

    private static func check(_ call: CommandCall) throws(RPCError) {
        let system = try call.string("system")
        guard system == "local" else {
            throw RPCError(code: 404, message: "No such cache system", data: .string("it is `local`"))
        }
    }
}
