import Events
import JSONRPC
import Logging
import Management
import Reactor
import RouteLanguage

/// The management processes that the script asks for: `mi_fifo` and `mi_datagram`, and the commands they serve.
final class ManagementServers {
    private var fifo: FIFOServer?
    private var datagrams: [DatagramServer] = []

    /// Makes the processes; they serve once they are spawned.
    init(_ server: ServerInstance, _ plan: ManagementPlan) throws(ConfigurationError) {
        let dispatcher = CommandDispatcher(registry: ServerCommands.registry(server))
        do throws(ManagementSetupError) {
            if let configuration = plan.datagram {
                try makeDatagrams(server, configuration, plan.datagramProcesses, dispatcher)
            }
            if let configuration = plan.fifo { try makeFIFO(server, configuration, dispatcher) }
        } catch {
            throw ConfigurationError("management: \(error)")
        }
    }

    private func makeFIFO(
        _ server: ServerInstance, _ configuration: FIFOConfiguration, _ dispatcher: CommandDispatcher
    ) throws(ManagementSetupError) {
        let process = try make(server, "MI FIFO")
        let fifo = FIFOServer(
            configuration: configuration, dispatcher: dispatcher, process: process, logger: server.logger)
        try fifo.open()
        self.fifo = fifo
        server.logger.notice("management on the FIFO \(configuration.path)")
    }

    private func makeDatagrams(
        _ server: ServerInstance, _ configuration: DatagramConfiguration, _ count: Int, _ dispatcher: CommandDispatcher
    ) throws(ManagementSetupError) {
        let listener = try DatagramListener(configuration)
        for _ in 0..<count {
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
