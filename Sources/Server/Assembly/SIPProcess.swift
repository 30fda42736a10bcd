import Reactor
import RouteRuntime
import SIPConnections
import SIPStack
import SIPTransport

/// A process that serves SIP: its reactor with the transport, the stack's worker and the script's side on it.
final class SIPProcess {
    let process: ReactorProcess
    let udp: UDPTransport
    let worker: StackWorker
    let script: ScriptProcess

    /// Sets the process up; it is not running yet. `reading` names the listeners that it receives from.
    init(
        process: ReactorProcess, stack: Stack, engine: ScriptEngine, resolver: Resolver, listeners: [UDPListener],
        reading: [(listener: UDPListener, receiver: Int)], statistics: UDPStatistics, connections: ConnectionHub?
    ) throws(SystemCallError) {
        self.process = process
        script = ScriptProcess(engine: engine, process: process)
        let box = WorkerBox()
        udp = try UDPTransport(
            process: process, listeners: listeners, reading: reading, statistics: statistics,
            onDatagram: { box.worker?.receive($0) }, onFailure: { box.worker?.sendFailed($0) })
        let streams = connections.map { hub in
            ConnectionPort(hub: hub, process: process) { box.worker?.sendFailed($0) }
        }
        var port = WorkerPort(
            process: process, udp: udp, connections: streams, resolver: resolver, worker: { box.worker })
        if stack.configuration.followsRoutes {
            port.routed = RoutedListeners(listeners.map(\.socket) + (connections?.listeners ?? []), now: port.now)
        }
        worker = StackWorker(
            stack: stack, id: process.id, probe: process.probe, cells: process.statistics, port: port)
        box.worker = worker
        process.reactor.atStop { [udp] in
            udp.stop()
            box.worker = nil
        }
    }

    /// Breaks the circle of transport and worker, each of which needs the other to be made.
    private final class WorkerBox: @unchecked Sendable {
        // @unchecked: set before the process runs, and used on its thread only from then on.
        var worker: StackWorker?
    }
}
