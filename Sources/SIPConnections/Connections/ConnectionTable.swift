import Reactor
import SIPTransport
import Synchronization

/// All connections by number and by the addresses that they lead to. Any thread; one lock, held for a few look-ups.
final class ConnectionTable: Sendable {
    fileprivate struct Route: Hashable {
        let transport: Transport
        let address: PeerAddress
    }

    fileprivate struct State {
        var byID: [UInt32: Connection] = [:]
        /// Those that lead to an address, the newest last: by the peer's own port and by its aliases.
        var byRoute: [Route: [Connection]] = [:]
        var lastID: UInt32 = 0
        var accepted = 0
        var opened = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.byID.count } }
    var all: [Connection] { state.withLock { Array($0.byID.values) } }

    func find(_ id: ConnectionID) -> Connection? {
        if id.isNone { return nil }
        return state.withLock { $0.byID[id.number] }
    }

    /// The newest connection that leads to an address; with `socket` of that listener only.
    func find(_ address: PeerAddress, _ transport: Transport, socket: ListenSocket?) -> Connection? {
        state.withLock { $0.find(Route(transport: transport, address: address), socket) }
    }

    enum Place {
        case found(Connection)
        case made(Connection)
        case full
    }

    /// The listener's connection to an address, or a new one, in one step: whoever asks meanwhile gets the same.
    func findOrMake(
        _ address: PeerAddress, socket: ListenSocket, openedMax: Int, make: (ConnectionID) -> Connection
    ) -> Place {
        state.withLock { state in
            let route = Route(transport: socket.transport, address: address)
            if let found = state.find(route, socket) { return .found(found) }
            guard state.opened < openedMax else { return .full }
            let connection = make(state.nextID())
            state.opened += 1
            state.insert(connection, route)
            return .made(connection)
        }
    }

    /// Takes in an accepted connection; nil when there are too many.
    func insertAccepted(
        from address: PeerAddress, _ transport: Transport, acceptedMax: Int, make: (ConnectionID) -> Connection
    ) -> Connection? {
        state.withLock { state in
            guard state.accepted < acceptedMax else { return nil }
            let connection = make(state.nextID())
            state.accepted += 1
            state.insert(connection, Route(transport: transport, address: address))
            return connection
        }
    }

    /// Makes a connection stand for another port of its peer too. False: it has too many, is gone, or takes no more requests.
    func addAlias(_ connection: Connection, port: UInt16, aliasesMax: Int) -> Bool {
        state.withLock { state in
            guard state.byID[connection.id.number] === connection else { return false }
            let isNew: Bool? = connection.state.withLock { inner in
                // Half open it was taken from the routes (`hide`) and must not come back to them.
                guard inner.phase == .connecting || inner.phase == .open else { return nil }
                if port == connection.peer.port { return false }
                if inner.aliases.contains(port) { return false }
                guard inner.aliases.count < aliasesMax else { return nil }
                inner.aliases.append(port)
                return true
            }
            guard let isNew else { return false }
            if isNew {
                let route = Route(transport: connection.socket.transport, address: connection.peer.with(port: port))
                state.byRoute[route, default: []].append(connection)
            }
            return true
        }
    }

    /// Requests are not sent over it any more; replies still may be (half open).
    func hide(_ connection: Connection) { state.withLock { $0.removeRoutes(connection) } }

    /// False when it was removed before.
    @discardableResult
    func remove(_ connection: Connection) -> Bool {
        state.withLock { state in
            guard state.byID.removeValue(forKey: connection.id.number) != nil else { return false }
            if connection.isAccepted { state.accepted -= 1 } else { state.opened -= 1 }
            state.removeRoutes(connection)
            return true
        }
    }
}

extension ConnectionTable.State {
    fileprivate func find(_ route: ConnectionTable.Route, _ socket: ListenSocket?) -> Connection? {
        guard let found = byRoute[route] else { return nil }
        guard let socket else { return found.last }
        return found.last { $0.socket == socket }
    }

    fileprivate mutating func nextID() -> ConnectionID {
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while byID[lastID] != nil
        return ConnectionID(lastID)
    }

    fileprivate mutating func insert(_ connection: Connection, _ route: ConnectionTable.Route) {
        byID[connection.id.number] = connection
        byRoute[route, default: []].append(connection)
    }

    fileprivate mutating func removeRoutes(_ connection: Connection) {
        let ports = [connection.peer.port] + connection.aliases
        for port in ports {
            let route = ConnectionTable.Route(
                transport: connection.socket.transport, address: connection.peer.with(port: port))
            guard var list = byRoute[route] else { continue }
            list.removeAll { $0 === connection }
            byRoute[route] = list.isEmpty ? nil : list
        }
    }
}
