import Bytes
import RouteLanguage

/// `cache_store()` and its like: the core's functions about stores of values.
enum CacheFunctions {
    private static let stores: ConstantRule = {
        var rule = ConstantRule(["local"])
        rule.needed = ["local": "cachedb_local"]
        rule.otherwise = "SIPRay has the store `local`, of the module `cachedb_local`"
        return rule
    }()

    private static let store = ParameterSpec.string("id").following(stores)

    static let declarations: [FunctionDeclaration] = [
        FunctionDeclaration(
            "cache_store", [store, .string("name"), .string("value"), .integer("timeout", optional: true)]),
        FunctionDeclaration("cache_remove", [store, .string("name")]),
        FunctionDeclaration("cache_fetch", [store, .string("name"), .output("result")]),
        FunctionDeclaration("cache_counter_fetch", [store, .string("name"), .output("result")]),
        FunctionDeclaration(
            "cache_add",
            [store, .string("name"), .integer("increment"), .integer("expire"), .output("value", optional: true)]),
        FunctionDeclaration(
            "cache_sub",
            [store, .string("name"), .integer("decrement"), .integer("expire"), .output("value", optional: true)]),
        FunctionDeclaration(
            "cache_raw_query", [.string("id"), .string("query"), .string("result", optional: true, isStatic: true)],
            availability: .missing("the store `local` has no query language; use cache_fetch()")),
    ]

    static func functions(_ host: CoreHost) -> [String: HostFunction] {
        [
            "cache_store": { call in
                guard let store = store(call, host), let key = call.string(1), let value = call.string(2) else {
                    return .no
                }
                let seconds = call.integer(3) ?? 0
                guard seconds >= 0 else { return .no }
                if store.store(key, value, seconds: seconds) { return .yes }
                call.log(.error, "cache_store(): there is no room for the value of \"\(key.prefix(100))\"")
                return .no
            },
            "cache_remove": { call in
                guard let store = store(call, host), let key = call.string(1) else { return .no }
                store.remove(key)
                return .yes
            },
            "cache_fetch": { call in
                guard let store = store(call, host), let key = call.string(1), let value = store.fetch(key) else {
                    return .no
                }
                return Outcome(call.assign(2, .string(value)))
            },
            "cache_counter_fetch": { call in
                guard let store = store(call, host), let key = call.string(1), let number = store.count(key) else {
                    return .no
                }
                return Outcome(call.assign(2, .integer(number)))
            },
            "cache_add": { call in add(call, host, sign: 1) },
            "cache_sub": { call in add(call, host, sign: -1) },
        ]
    }

    private static func add(_ call: borrowing Call, _ host: CoreHost, sign: Int) -> Outcome {
        guard let store = store(call, host), let key = call.string(1), let change = call.integer(2),
            let seconds = call.integer(3), seconds >= 0, change != .min,
            let number = store.add(key, sign * change, seconds: seconds)
        else { return .no }
        return call.isPresent(4) ? Outcome(call.assign(4, .integer(number))) : .yes
    }

    private static func store(_ call: borrowing Call, _ host: CoreHost) -> (any KeyValueStore)? {
        guard let name = call.string(0) else { return nil }
        if let found = host.store(name) { return found }
        call.log(.error, "\(call.name)(): there is no store \"\(name)\"; it is `local`, of the module cachedb_local")
        return nil
    }
}
