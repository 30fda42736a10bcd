import Bytes
import RouteLanguage
import SIPMessage

/// Functions that change the request URI and the destination URI.
enum URIFunctions {
    private static let routes: RouteKinds = [.request, .failure, .branch, .local]

    static let declarations: [FunctionDeclaration] =
        ["sethost", "rewritehost"].map { FunctionDeclaration($0, [.string("host")], routes: routes) }
        + ["sethostport", "rewritehostport"].map { FunctionDeclaration($0, [.string("hostport")], routes: routes) }
        + ["setuser", "rewriteuser"].map { FunctionDeclaration($0, [.string("user")], routes: routes) }
        + ["setuserpass", "rewriteuserpass"].map { FunctionDeclaration($0, [.string("user")], routes: routes) }
        + ["setport", "rewriteport"].map { FunctionDeclaration($0, [.stringOrInteger("port")], routes: routes) }
        + ["seturi", "rewriteuri"].map { FunctionDeclaration($0, [.string("uri")], routes: routes) }
        + [
            FunctionDeclaration("prefix", [.string("prefix")], routes: routes),
            FunctionDeclaration("strip", [.integer("count")], routes: routes),
            FunctionDeclaration("strip_tail", [.integer("count")], routes: routes),
            FunctionDeclaration("revert_uri", routes: routes),
            FunctionDeclaration("setdsturi", [.string("uri")], routes: routes),
            FunctionDeclaration("resetdsturi", routes: routes),
            FunctionDeclaration("isdsturiset", routes: routes),
            FunctionDeclaration(
                "construct_uri",
                [
                    .string("proto"), .string("user", optional: true), .string("domain"),
                    .string("port", optional: true), .string("extra", optional: true), .output("result"),
                ]),
        ]

    static let functions: [String: HostFunction] = {
        let host: HostFunction = { call in edit(call) { uri, text in URIEditing.setHost(text, in: uri) } }
        let hostPort: HostFunction = { call in edit(call) { uri, text in URIEditing.setHostAndPort(text, in: uri) } }
        let user: HostFunction = { call in edit(call) { uri, text in URIEditing.setUser(text, in: uri) } }
        let pass: HostFunction = { call in edit(call) { uri, text in URIEditing.setUserAndPassword(text, in: uri) } }
        let port: HostFunction = { call in edit(call) { uri, text in URIEditing.setPort(text, in: uri) } }
        let uri: HostFunction = { call in edit(call) { _, text in SIPURI(text) == nil ? nil : text } }
        return [
            "sethost": host, "rewritehost": host, "sethostport": hostPort, "rewritehostport": hostPort,
            "setuser": user, "rewriteuser": user, "setuserpass": pass, "rewriteuserpass": pass,
            "setport": port, "rewriteport": port, "seturi": uri, "rewriteuri": uri,
            "prefix": { call in
                edit(call) { uri, text in
                    SIPURI(uri).flatMap { URIEditing.setUser(text + $0.user, in: uri) }
                }
            },
            "strip": { strip($0, fromEnd: false) },
            "strip_tail": { strip($0, fromEnd: true) },
            "revert_uri": { call in
                call.context.requestURI = call.context.message.requestURI
                return .yes
            },
            "setdsturi": { call in
                guard let uri = call.string(0), SIPURI(uri) != nil else { return .no }
                call.context.destinationURI = uri.compacted()
                return .yes
            },
            "resetdsturi": { call in
                call.context.destinationURI = nil
                return .yes
            },
            "isdsturiset": { Outcome($0.context.destinationURI != nil) },
            "construct_uri": construct,
        ]
    }()

    /// Changes the request URI with the first argument.
    private static func edit(
        _ call: borrowing Call, _ change: (_ uri: ByteString, _ text: ByteString) -> ByteString?
    ) -> Outcome {
        guard let text = call.string(0), let uri = change(call.context.requestURI, text) else {
            call.log(.error, "\(call.name)(): \"\(call.string(0)?.string ?? "")\" does not fit the request URI")
            return .no
        }
        call.context.requestURI = uri.compacted()
        return .yes
    }

    private static func strip(_ call: borrowing Call, fromEnd: Bool) -> Outcome {
        guard let count = call.integer(0), count >= 0, let uri = SIPURI(call.context.requestURI) else { return .no }
        let user = fromEnd ? uri.user.dropLast(min(count, uri.user.count)) : uri.user.dropFirst(count)
        guard let changed = URIEditing.setUser(user, in: call.context.requestURI) else { return .no }
        call.context.requestURI = changed
        return .yes
    }

    @Sendable private static func construct(_ call: borrowing Call) -> Outcome {
        guard let scheme = call.string(0)?.nonEmpty, let domain = call.string(2)?.nonEmpty else { return .no }
        var writer = ByteWriter(reserving: 64)
        writer.append(scheme)
        writer.append(ASCII.colon)
        if let user = call.string(1)?.nonEmpty {
            writer.append(user)
            writer.append(ASCII.at)
        }
        writer.append(URIEditing.bracketed(domain))
        if let port = call.string(3)?.nonEmpty {
            writer.append(ASCII.colon)
            writer.append(port)
        }
        if let extra = call.string(4)?.nonEmpty {
            if extra.first != ASCII.semicolon { writer.append(ASCII.semicolon) }
            writer.append(extra)
        }
        let uri = writer.finishText()
        guard SIPURI(uri) != nil else { return .no }
        return Outcome(call.assign(5, .string(uri)))
    }
}
