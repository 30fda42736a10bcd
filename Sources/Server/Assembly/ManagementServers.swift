import Events
import JSONRPC
import Logging
import Management
import ManagementHTTP
import Reactor
import RouteLanguage

/// The management processes that the script asks for: `mi_fifo`, `mi_datagram` and `httpd`, and the commands they serve.
final class ManagementServers {
    private var fifo: FIFOServer?
    private var datagrams: [DatagramServer] = []
    private var http: ManagementHTTPServer?

    /// Makes the processes; they serve once they are spawned.
    init(_ server: ServerInstance, _ plan: ManagementPlan) throws(ConfigurationError) {
        let dispatcher = CommandDispatcher(registry: ServerCommands.registry(server))
        do throws(ManagementSetupError) {
            if let configuration = plan.http { try makeHTTP(server, configuration, dispatcher) }
            if let configuration = plan.datagram {
                try makeDatagrams(server, configuration, plan.datagramProcesses, dispatcher)
            }
            if let configuration = plan.fifo { try makeFIFO(server, configuration, dispatcher) }
        } catch {
            throw ConfigurationError("management: \(error)")
        }
    }

    /// Ends what is no process of the server: connections. After the processes have ended.
    func stop() {
        http?.stop()
        http = nil
    }

    private func makeHTTP(
        _ server: ServerInstance, _ configuration: HTTPConfiguration, _ dispatcher: CommandDispatcher
    ) throws(ManagementSetupError) {
        let process = try make(server, "HTTPD \(configuration.address)")
        // Whatever the transport lets through is read.
        let limits = JSONLimits(textBytesMax: configuration.bodyBytesMax)
        let http = ManagementHTTPServer(
            configuration: configuration,
            dispatcher: CommandDispatcher(registry: dispatcher.registry, limits: limits), process: process,
            statistics: server.statistics,
            logger: server.logger)
        try http.open()
        self.http = http
        let scheme = configuration.encryption == nil ? "http" : "https"
        server.logger.notice("management on \(scheme)://\(configuration.address)/\(configuration.root ?? "")")
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
