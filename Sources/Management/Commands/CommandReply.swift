package import JSONRPC
import Synchronization

/// The answer that a command owes, exactly one: the first `succeed` or `fail` counts, later ones are ignored.
///
/// May be kept and answered from any thread. When the last reference goes without an answer, the caller gets a server
/// error, so that no caller waits for an answer that nobody will give.
package final class CommandReply: Sendable {
    package typealias Delivery = @Sendable (Result<JSONValue, RPCError>) -> Void

    private let delivery: Mutex<Delivery?>

    package init(_ delivery: @escaping Delivery) { self.delivery = Mutex(delivery) }

    package func succeed(_ result: JSONValue = "OK") { answer(.success(result)) }

    package func fail(_ error: RPCError) { answer(.failure(error)) }

    package func answer(_ outcome: Result<JSONValue, RPCError>) {
        let deliver = delivery.withLock { held in
            let taken = held
            held = nil
            return taken
        }
        deliver?(outcome)
    }

    deinit { answer(.failure(.serverError.with(data: "the command ended without an answer"))) }
}
