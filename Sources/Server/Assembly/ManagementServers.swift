import Bytes
import Events
import JSONRPC
import Logging
import Management
import Modules
import Reactor
import RouteLanguage

/// The management processes that the script asks for: `mi_fifo` and `mi_datagram`, and the commands they serve.
final class ManagementServers {
    private var fifo: FIFOServer?
    private var datagrams: [DatagramServer] = []

    /// Makes the processes; they serve once they are spawned.
    init(_ server: ServerInstance) throws(ConfigurationError) {
        let dispatcher = CommandDispatcher(registry: ServerCommands.registry(server))
        do throws(ManagementSetupError) {
            if server.script.isLoaded("mi_datagram") { try makeDatagrams(server, dispatcher) }
            if server.script.isLoaded("mi_fifo") { try makeFIFO(server, dispatcher) }
        } catch {
            throw ConfigurationError("management: \(error)")
        }
    }

    private func makeFIFO(_ server: ServerInstance, _ dispatcher: CommandDispatcher) throws(ManagementSetupError) {
        let parameters = server.parameters
        let configuration = FIFOConfiguration(
            path: parameters.text("mi_fifo", "fifo_name")?.string ?? "/tmp/opensips_fifo",
            access: FileAccess(
                mode: UInt32(clamping: parameters.integer("mi_fifo", "fifo_mode") ?? 0o660),
                user: parameters.text("mi_fifo", "fifo_user")?.string,
                group: parameters.text("mi_fifo", "fifo_group")?.string),
            replyDirectory: parameters.text("mi_fifo", "reply_dir")?.string ?? "/tmp/")
        let process = try make(server, "MI FIFO")
        let fifo = FIFOServer(
            configuration: configuration, dispatcher: dispatcher, process: process, logger: server.logger)
        try fifo.open()
        self.fifo = fifo
        server.logger.notice("management on the FIFO \(configuration.path)")
    }

    private func makeDatagrams(
        _ server: ServerInstance, _ dispatcher: CommandDispatcher
    ) throws(ManagementSetupError) {
        let parameters = server.parameters
        let name = parameters.text("mi_datagram", "socket_name")?.string ?? ""
        guard let address = DatagramConfiguration.Address(name) else {
            throw ManagementSetupError(
                "modparam(\"mi_datagram\", \"socket_name\") is '\(name)'; write udp:127.0.0.1:8080 or /run/sipray.sock")
        }
        let configuration = DatagramConfiguration(
            address: address,
            access: FileAccess(
                mode: UInt32(clamping: parameters.integer("mi_datagram", "unix_socket_mode") ?? 0o660),
                user: parameters.text("mi_datagram", "unix_socket_user")?.string,
                group: parameters.text("mi_datagram", "unix_socket_group")?.string),
            replyMilliseconds: parameters.integer("mi_datagram", "socket_timeout") ?? 2000)
        let listener = try DatagramListener(configuration)
        for _ in 0..<max(1, min(parameters.integer("mi_datagram", "children_count") ?? 1, 32)) {
            let process = try make(server, "MI Datagram")
            let one = DatagramServer(
                configuration: configuration, listener: listener, dispatcher: dispatcher, process: process,
                logger: server.logger)
            try one.open()
            datagrams.append(one)
        }
        server.logger.notice("management on \(listener.address)")
    }

    private func make(_ server: ServerInstance, _ description: String) throws(ManagementSetupError) -> ReactorProcess {
        do throws(SystemCallError) {
            return try server.processes.make(description: description, kind: .other)
        } catch {
            throw ManagementSetupError("can't make the process \(description): \(error)")
        }
    }
}
