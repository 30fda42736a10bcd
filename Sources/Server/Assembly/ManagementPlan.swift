import Bytes
import Management
import ManagementHTTP
import Modules
import RouteLanguage

/// What the script says about management, read and checked before any socket is opened.
struct ManagementPlan {
    /// nil: the script does not load `mi_fifo`.
    let fifo: FIFOConfiguration?
    /// nil: the script does not load `mi_datagram`.
    let datagram: DatagramConfiguration?
    let datagramProcesses: Int
    /// nil: the script does not load `httpd`.
    let http: HTTPConfiguration?

    /// Processes that one management socket may have.
    static let processesMax = 32

    init(_ script: Script, _ parameters: ModuleParameters, _ limits: ServerLimits) throws(ConfigurationError) {
        fifo = script.isLoaded("mi_fifo") ? try Self.fifo(script, parameters, limits) : nil
        datagram = script.isLoaded("mi_datagram") ? try Self.datagram(script, parameters) : nil
        http = try Self.http(script, parameters)
        datagramProcesses = parameters.integer("mi_datagram", "children_count") ?? 1
        guard (1...Self.processesMax).contains(datagramProcesses) else {
            throw Self.error(
                "children_count is \(datagramProcesses); 1 to \(Self.processesMax) are possible", script,
                "mi_datagram", "children_count")
        }
    }

    private static func fifo(
        _ script: Script, _ parameters: ModuleParameters, _ limits: ServerLimits
    ) throws(ConfigurationError) -> FIFOConfiguration {
        let path = parameters.text("mi_fifo", "fifo_name")?.string ?? "/tmp/opensips_fifo"
        try checkPlace(path, .fifo, script, "mi_fifo", "fifo_name")
        var configuration = FIFOConfiguration(
            path: path, access: try access(script, parameters, "mi_fifo", "fifo"),
            replyDirectory: parameters.text("mi_fifo", "reply_dir")?.string ?? "/tmp/")
        configuration.checkMilliseconds = limits[.fifoCheckSeconds] * 1000
        return configuration
    }

    private static func datagram(
        _ script: Script, _ parameters: ModuleParameters
    ) throws(ConfigurationError) -> DatagramConfiguration {
        let name = parameters.text("mi_datagram", "socket_name")?.string ?? ""
        guard let address = DatagramConfiguration.Address(name) else {
            throw error(
                "socket_name is '\(name)', which is no address", script, "mi_datagram", "socket_name",
                hint: "write udp:127.0.0.1:8080 or /run/sipray.sock")
        }
        if case .unix(let path) = address { try checkPlace(path, .socket, script, "mi_datagram", "socket_name") }
        return DatagramConfiguration(
            address: address, access: try access(script, parameters, "mi_datagram", "unix_socket"),
            replyMilliseconds: parameters.integer("mi_datagram", "socket_timeout") ?? 2000)
    }

    private static func access(
        _ script: Script, _ parameters: ModuleParameters, _ module: String, _ prefix: String
    ) throws(ConfigurationError) -> FileAccess {
        let mode = parameters.integer(module, prefix + "_mode") ?? 0o660
        guard let bits = UInt32(exactly: mode), bits <= 0o777 else {
            throw error(
                "\(prefix)_mode is \(mode), which are no permissions", script, module, prefix + "_mode",
                hint: "write it in octal digits, for example 0660")
        }
        let access = FileAccess(
            mode: bits, user: parameters.text(module, prefix + "_user")?.string,
            group: parameters.text(module, prefix + "_group")?.string)
        do throws(ManagementSetupError) {
            try access.check()
        } catch {
            throw Self.error(error.description, script, module, prefix + "_user")
        }
        return access
    }

    private static func checkPlace(
        _ path: String, _ kind: SpecialFile, _ script: Script, _ module: String, _ parameter: String
    ) throws(ConfigurationError) {
        do throws(ManagementSetupError) {
            try FileAccess.check(place: path, for: kind)
        } catch {
            throw Self.error(error.description, script, module, parameter)
        }
    }

    /// An error at the last `modparam` of the name, if there is one.
    static func error(
        _ message: String, _ script: Script, _ module: String, _ name: String, hint: String? = nil
    ) -> ConfigurationError {
        guard let set = script.moduleParameters.last(where: { $0.module == module && $0.name == name }) else {
            return ConfigurationError("\(module): \(message)", hint: hint)
        }
        return ConfigurationError(message, at: set.location, in: script, hint: hint)
    }
}
