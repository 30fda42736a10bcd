package import Reactor

// NIO has a `SocketAddress` too; files that import it use this name for the server's.
package typealias PeerAddress = SocketAddress
