package import JSONRPC

/// One inside the server that wants an event: called on the thread that raises it, so it must be quick (submit a job).
package typealias EventListener = @Sendable (_ parameters: RPCParameters) -> Void
