package import Bytes
package import RouteRuntime
import SIPMessage
package import SIPStack

extension MessageContext {
    /// Shows the observer what passes through the transaction of this request. There may be no transaction yet: then from its
    /// making on, before anything is sent.
    package func observeTransaction(_ observer: any TransactionObserver) {
        makeTMState().observe(observer)
    }
}

/// Those who want to see requests of a dialog: modules that put a parameter into Record-Route and look for it in Route, or
/// know dialogs otherwise. Filled while modules are bound, read by every process.
package final class InDialogObservers: @unchecked Sendable {
    // @unchecked: the list is complete before the first process starts and never changed again.

    /// Called for a request with a To tag that `loose_route()` took the server's own Route off: `parameters` are that Route's, with
    /// their first semicolon.
    package typealias Body = @Sendable (MessageContext, ScriptProcess, _ parameters: ByteString) -> Void

    private var bodies: [Body] = []

    package init() {}

    package func append(_ body: @escaping Body) { bodies.append(body) }

    func call(_ context: MessageContext, _ process: ScriptProcess, _ parameters: ByteString) {
        for body in bodies { body(context, process, parameters) }
    }
}
