extension SocketDefinition {
    /// Reads a socket as it stands behind `socket =`: `udp:127.0.0.1:5060`, `udp:eth0:5060-5062 use_workers 2`. For the
    /// command line (`-l`). Whether the transport is loaded is not checked here.
    ///
    /// - Returns: the socket, or the first thing that is wrong with the text, as a person reads it.
    package static func parse(_ text: String) -> Result<SocketDefinition, SocketTextError> {
        let analysis = ScriptAnalysis.analyse(
            path: "-l", catalogue: Catalogue(core: ModuleDeclaration("core"), modules: []),
            reader: SourceReader { _, _ in .success(Array("socket=\(text)\n".utf8)) })
        if let problem = analysis.diagnostics.first(where: { $0.severity == .error && $0.code != "no-transport" }) {
            return .failure(SocketTextError(message: problem.message, hint: problem.hint))
        }
        guard analysis.script.sockets.count == 1, let socket = analysis.script.sockets.first,
            analysis.script.parameters.isEmpty, analysis.script.routes.isEmpty
        else {
            return .failure(
                SocketTextError(message: "`\(text)` is not one socket", hint: "write `udp:127.0.0.1:5060`"))
        }
        return .success(socket)
    }
}

/// Why a text is not a socket.
package struct SocketTextError: Error, Hashable, Sendable {
    package var message: String
    package var hint: String?
}
