import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `options` at work: says what the server can do.
enum OptionsModule {
    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let replies = environment.replies
        let lines = capabilities(environment.parameters)
        return ModuleBinding(
            "options",
            functions: [
                "options_reply": { call in
                    guard call.context.message.method == .options, let uri = SIPURI(call.context.requestURI),
                        uri.user.isEmpty
                    else { return .no }
                    return Outcome(replies.send(ScriptReply(200, "OK", lines: lines), call.context, call.process))
                }
            ])
    }

    private static func capabilities(_ parameters: ModuleParameters) -> ByteString {
        var writer = ByteWriter(reserving: 128)
        let fields: [(StaticString, String)] = [
            ("Accept: ", "accept"), ("Accept-Encoding: ", "accept_encoding"),
            ("Accept-Language: ", "accept_language"), ("Supported: ", "support"),
        ]
        for (name, parameter) in fields {
            writer.append(name)
            writer.append(parameters.text("options", parameter) ?? .empty)
            writer.append("\r\n")
        }
        return writer.finishText()
    }
}
