import Synchronization

/// `no_concurrent_connects`: one process at a time may connect to a host. Any thread.
final class ConnectGate: Sendable {
    private struct Host {
        /// The process that connects now, and how many of its transfers do.
        var connecting: (process: Int, count: Int)?
        /// When a process was last known to have a connection, in seconds.
        var connected: [Int: Int] = [:]
    }

    /// Hosts that are remembered; beyond, those without a connection under way are forgotten.
    static let hostsMax = 1024

    private let hosts = Mutex<[String: Host]>([:])
    /// How long a process's connection is trusted to be there still.
    private let lifetimeSeconds: Int

    init(lifetimeSeconds: Int) {
        self.lifetimeSeconds = lifetimeSeconds
    }

    /// Asks to connect. nil: another process is connecting. Else whether `leave` is to be called when the connection stands
    /// or has failed.
    func enter(_ host: String, process: Int, now: Int) -> Bool? {
        hosts.withLock { hosts in
            if hosts.count >= Self.hostsMax, hosts[host] == nil { hosts = hosts.filter { $0.value.connecting != nil } }
            var entry = hosts[host] ?? Host()
            if lifetimeSeconds > 0, let last = entry.connected[process], now - last < lifetimeSeconds { return false }
            if let present = entry.connecting, present.process != process { return nil }
            entry.connecting = (process, (entry.connecting?.count ?? 0) + 1)
            hosts[host] = entry
            return true
        }
    }

    func leave(_ host: String, process: Int, isConnected: Bool, now: Int) {
        hosts.withLock { hosts in
            guard var entry = hosts[host] else { return }
            if let present = entry.connecting, present.process == process {
                entry.connecting = present.count > 1 ? (process, present.count - 1) : nil
            }
            if isConnected { entry.connected[process] = now }
            hosts[host] = entry
        }
    }
}
