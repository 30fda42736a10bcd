import Bytes
import Reactor
import SIPMessage
import SIPStack
import SIPTransport

extension ScriptHost {
    /// The listener that a request to a URI leaves by: `usual` when it is of the URI's transport and address family, else the
    /// one nearest to it. nil: there is none.
    func listener(to uri: ByteString, like usual: ListenSocket?) -> ListenSocket? {
        guard let query = StackWorker.query(for: uri) else { return usual }
        let transport = query.transport ?? .udp
        let family = SocketAddress(host: query.host.string, port: 1)?.family ?? usual?.address.family
        func fits(_ socket: ListenSocket) -> Bool {
            socket.transport == transport && (family == nil || socket.address.family == family)
        }
        if let usual, fits(usual) { return usual }
        let fitting = sockets.filter(fits)
        return fitting.first { $0.address.host == usual?.address.host } ?? fitting.first
    }

    /// What the far end of a dialog over a listener is to send to, as a Contact value.
    func contact(of listener: ListenSocket?, user: ByteString?) -> ByteString? {
        scriptSocket(listener).map { $0.contact(user: user) }
    }
}

/// The Contact that an entity shows.
struct LocalContact: Sendable {
    let value: ByteString
    /// A script, a parameter or a command said so: it stays, whatever listener messages leave by.
    let isGiven: Bool

    init(_ value: ByteString, isGiven: Bool) {
        self.value = value
        self.isGiven = isGiven
    }

    /// That of a listener.
    init(of listener: ListenSocket?, user: ByteString? = nil, _ host: ScriptHost) {
        value = host.contact(of: listener, user: user) ?? "<sip:localhost>"
        isGiven = false
    }

    /// The same for an entity whose messages leave by another listener.
    func moved(from usual: ListenSocket?, to listener: ListenSocket?, _ host: ScriptHost) -> LocalContact {
        if isGiven || listener == nil || listener == usual { return self }
        return LocalContact(of: listener, user: NameAddress(value)?.uri?.user, host)
    }
}
