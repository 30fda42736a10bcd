import Reactor
package import RouteRuntime
import SIPMessage

extension ScriptHost {
    /// The context of routes that run without a message (startup, timer, event): a request that never was.
    package func emptyContext() -> MessageContext {
        MessageContext(
            message: emptyRequest, source: SocketAddress(127, 0, 0, 1, port: 0), socketIn: scriptSockets.first)
    }
}

/// The request that such routes see, the same for all of them.
private let emptyRequest: Message = {
    let text =
        "OPTIONS sip:localhost SIP/2.0\r\nVia: SIP/2.0/UDP localhost\r\nFrom: <sip:localhost>;tag=0\r\n"
        + "To: <sip:localhost>\r\nCall-ID: 0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    do throws(MessageError) {
        return try Message.parse(Array(text.utf8))
    } catch {
        preconditionFailure("the empty request does not parse: \(error)")
    }
}()
