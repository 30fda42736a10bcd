import Bytes
import Glibc
import JSONRPC
import Logging
import Management
import Modules
import RouteRuntime

/// `cfgutils:*`: chance, shared variables, and whether the script's file is still the one that was started.
enum ConfigurationUtilityCommands {
    static func register(
        in registry: inout CommandRegistry, _ module: CfgUtilsModule, hashedFile: String?, logger: Logger
    ) {
        registerChance(in: &registry, module.chance)
        registerVariables(in: &registry, module.shared)
        registerHash(in: &registry, hashedFile, logger)
    }

    private static func registerChance(in registry: inout CommandRegistry, _ chance: Chance) {
        registry.add(
            "cfgutils:rand_set_prob", aliases: ["rand_set_prop"], "Sets the chance of rand_event, in percent.",
            [["prob_proc"]]
        ) { call throws(RPCError) in
            guard chance.set(try call.integer("prob_proc", allowed: "0 to 100")) else {
                throw CommandCall.badType("prob_proc", allowed: "0 to 100")
            }
            return "OK"
        }
        registry.add("cfgutils:rand_reset_prob", "Sets the chance of rand_event back to that of the script.") { _ in
            chance.reset()
            return "OK"
        }
        registry.add("cfgutils:rand_get_prob", "Tells the chance of rand_event.") { _ in
            .string("The actual probability is \(chance.percent) percent.")
        }
    }

    private static func registerVariables(in registry: inout CommandRegistry, _ variables: SharedVariables) {
        registry.add(
            "cfgutils:shv_set", "Sets a shared variable; type is int or str.", [["name", "type", "value"]]
        ) { call throws(RPCError) in
            let value: Value
            switch try call.string("type") {
            case "int", "integer": value = .integer(try call.integer("value", allowed: "a whole number"))
            case "str", "string": value = .string(ByteString(try call.string("value")))
            default: throw CommandCall.badType("type", allowed: "int, str")
            }
            guard variables.set(ByteString(try call.string("name")), value) else {
                throw RPCError(
                    code: 500, message: "Cannot add shared variable",
                    data: .string("\(SharedVariables.countMax) are there already"))
            }
            return "OK"
        }
        registry.add(
            "cfgutils:shv_get", "Tells the shared variables, or one of them.", [[], ["name"]]
        ) { call throws(RPCError) in
            guard let name = try call.optionalString("name") else {
                return ["VARs": .array(variables.all.map { show($0.name, $0.value) })]
            }
            guard let found = variables.all.first(where: { $0.name.string == name }) else {
                throw RPCError(code: 404, message: "Not found")
            }
            return ["VARs": .array([show(found.name, found.value)])]
        }
    }

    private static func show(_ name: ByteString, _ value: Value) -> JSONValue {
        let isText = if case .string = value.json { true } else { false }
        return ["name": .string(name.string), "type": isText ? "string" : "integer", "value": value.json]
    }

    private static func registerHash(in registry: inout CommandRegistry, _ file: String?, _ logger: Logger) {
        let stored = file.flatMap { hash(of: $0) }
        if let file, stored == nil { logger.warning("hash_file: \(file) can't be read") }
        let notConfigured = RPCError(code: 404, message: "No file for hashing was configured", data: "set hash_file")
        let unreadable = RPCError(code: 500, message: "Cannot hash the file")
        registry.add("cfgutils:get_config_hash", "Tells the hash of hash_file at the start.") { _ throws(RPCError) in
            guard file != nil else { throw notConfigured }
            guard let stored else { throw unreadable }
            return .string(stored)
        }
        registry.add(
            "cfgutils:check_config_hash", "Tells whether hash_file is still as it was at the start."
        ) { _ throws(RPCError) in
            guard let file else { throw notConfigured }
            guard let stored, let now = hash(of: file) else { throw unreadable }
            guard now == stored else {
                throw RPCError(code: 400, message: "The actual config file hash is not identical to the stored one.")
            }
            return "The actual config file hash is identical to the stored one."
        }
    }

    /// The MD5 of a file in hexadecimal digits; nil when it can't be read or has more than 16 MB.
    private static func hash(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= 16 << 20 {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { return nil }
            if count == 0 { return Digest.md5(bytes).map { String(Int($0) + 0x100, radix: 16).dropFirst() }.joined() }
            bytes.append(contentsOf: chunk[..<count])
        }
        return nil
    }
}
