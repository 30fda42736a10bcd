import Bytes
import Reactor
import RouteLanguage
import RouteRuntime
import SIPTransport

/// The listeners that a server will open: every address of every `socket=`, with its number, before any socket exists.
///
/// Made before the script is bound, because scripts see listeners by number; opened after.
struct ListenerPlan {
    struct Entry {
        /// The listener's number: its place in the plan.
        let id: Int
        /// What asked for it.
        let listener: ListenerConfiguration
        let request: ListenRequest
        let address: SocketAddress
        let workers: Int
        let typeOfService: Int
        let isAnycast: Bool

        func isAt(_ address: SocketAddress, _ transport: Transport) -> Bool {
            self.address == address && request.transport == transport
        }
    }

    let entries: [Entry]

    /// Expands names, interfaces and `*`.
    /// - Parameter looksUpNames: whether the system may be asked for a host name's address; else it gets none.
    /// - Throws: a host that is unknown, or a transport that SIPRay lacks.
    init(
        _ listeners: [ListenerConfiguration], settings: GlobalSettings, script: Script, looksUpNames: Bool = true
    ) throws(ConfigurationError) {
        var entries: [Entry] = []
        for listener in listeners {
            guard let transport = Transport(name: ByteString(listener.transport)), [.udp, .tcp].contains(transport)
            else {
                throw Self.error(
                    listener, "SIPRay does not listen on \(listener.transport) yet", script,
                    hint: "udp and tcp are the transports of this version")
            }
            guard transport == .udp || script.isLoaded("proto_\(transport.name)") else {
                throw Self.error(
                    listener, "no transport protocol loaded for \(transport.name)", script,
                    hint: "add loadmodule \"proto_\(transport.name).so\"")
            }
            guard listener.port != 0 else {
                throw Self.error(
                    listener, "port 0 can't be listened on", script, hint: "leave the port out for the usual one")
            }
            let request = ListenRequest(
                transport: transport, host: listener.host, port: listener.port,
                advertisedHost: listener.options.advertisedHost ?? settings.advertisedAddress,
                advertisedPort: listener.options.advertisedPort
                    ?? settings.advertisedPort.flatMap(UInt16.init(exactly:)),
                tag: listener.options.tag)
            let addresses: [SocketAddress]
            do throws(ListenError) {
                addresses = looksUpNames || !listener.hostKind.isName ? try Interfaces.expand(request) : []
            } catch {
                throw Self.error(listener, error.description, script)
            }
            let workers = listener.options.workers ?? settings.udpWorkers
            guard (1...GlobalSettings.workersMax).contains(workers) else {
                throw Self.error(
                    listener, "use_workers is \(workers); 1 to \(GlobalSettings.workersMax) are possible", script)
            }
            for address in addresses where !entries.contains(where: { $0.isAt(address, transport) }) {
                entries.append(
                    Entry(
                        id: entries.count, listener: listener, request: request, address: address, workers: workers,
                        typeOfService: listener.options.tos ?? settings.typeOfService,
                        isAnycast: listener.options.isAnycast))
            }
        }
        guard !entries.isEmpty || !looksUpNames && !listeners.isEmpty else {
            throw ConfigurationError(
                "no socket to listen on",
                hint: "add a line such as socket=udp:127.0.0.1:5060, or use -l udp:127.0.0.1:5060")
        }
        self.entries = entries
    }

    /// What scripts see of the listeners, by number.
    var scriptSockets: [ScriptSocket] {
        entries.map { entry in
            ScriptSocket(
                id: entry.id, transport: ByteString(entry.request.transport.name),
                address: ByteString(entry.address.host),
                port: Int(entry.address.port), isIPv6: entry.address.isIPv6,
                advertisedAddress: entry.request.advertisedHost.map { ByteString($0) },
                advertisedPort: entry.request.advertisedPort.map { Int($0) },
                tag: entry.request.tag.map { ByteString($0) }, isAnycast: entry.isAnycast)
        }
    }

    var families: Set<SocketAddress.Family> { Set(entries.map(\.address.family)) }

    /// The transports that the server has, the preferred first.
    var transports: [Transport] {
        [.udp, .tcp].filter { transport in entries.contains { $0.request.transport == transport } }
    }

    /// Opens the sockets of UDP: the first step of a start that the world can see.
    func open(settings: GlobalSettings) throws(ConfigurationError) -> [UDPListener] {
        var listeners: [UDPListener] = []
        for entry in entries where entry.request.transport == .udp {
            var options = UDPOptions()
            options.typeOfService = Int32(entry.typeOfService)
            options.receiveBufferBytes = max(options.receiveBufferBytes, settings.receiveBufferBytes)
            do throws(ListenError) {
                listeners.append(
                    try UDPListener.open(
                        id: entry.id, request: entry.request, address: entry.address, receivers: entry.workers,
                        options: options))
            } catch {
                throw ConfigurationError(error.description)
            }
        }
        return listeners
    }

    /// An error at a listener's place.
    static func error(
        _ listener: ListenerConfiguration, _ message: String, _ script: Script, hint: String? = nil
    ) -> ConfigurationError {
        guard let location = listener.location else {
            return ConfigurationError("-l \(listener.description): \(message)", hint: hint)
        }
        return ConfigurationError(message, at: location, in: script, hint: hint)
    }
}
