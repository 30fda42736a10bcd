import Bytes
import RouteLanguage
import RouteRuntime
import Testing

@testable import Modules

/// Numbers at the ends of what fits, and beyond it, as arguments of every function: a message or a database row may
/// hold any digits, and nothing that a script does with them may end the server.
@Suite struct ExtremeNumberTests {
    private static let numbers = [
        "-9223372036854775808", "9223372036854775807", "-9223372036854775807", "9223372036854775808",
        "340282366920938463463374607431768211456", "-2147483649", "4294967296", "65536", "-1", "0",
    ]

    /// The modules with functions that the harness binds; `tm` has a test of its own.
    private static let bound: Set<String> = [
        "signaling", "sl", "rr", "maxfwd", "sipmsgops", "textops", "usrloc", "registrar", "acc", "options", "dialog",
        "topology_hiding", "cfgutils", "uac",
    ]

    /// Those that end the process or start programs because they are told to.
    private static let leftOut: Set<String> = ["abort", "exec"]

    /// One route for each function and each argument of it that takes a number: that one is `$avp(n)`, of the others
    /// those that take numbers are 1, or the number too.
    private static func routes(_ modules: [ModuleDeclaration]) -> [(name: String, text: String)] {
        var routes: [(name: String, text: String)] = []
        for function in modules.flatMap(\.functions)
        where function.availability == .available && function.routes.contains(.request)
            && !leftOut.contains(function.name)
        {
            for place in function.parameters.indices where takesNumber(function.parameters[place]) {
                for other in ["$avp(n)", "1"] {
                    let arguments = function.parameters.indices.map { index in
                        index == place ? "$avp(n)" : argument(function.parameters[index], other)
                    }
                    guard !arguments.contains("?") else { continue }
                    let name = "f\(routes.count)"
                    let call = "\(function.name)(\(arguments.joined(separator: ", ")));"
                    routes.append((name, "route[\(name)] { \(call) }"))
                }
            }
        }
        return routes
    }

    private static func takesNumber(_ parameter: ParameterSpec) -> Bool {
        guard !parameter.isStatic else { return false }
        switch parameter.kind {
        case .integer, .stringOrInteger, .string, .inputVariable: return true
        case .variable, .regularExpression, .substitution, .routeName: return false
        }
    }

    /// `?` for what cannot be made up.
    private static func argument(_ parameter: ParameterSpec, _ number: String) -> String {
        if parameter.isOptional && (parameter.isStatic || parameter.rule != nil) { return "" }
        switch parameter.kind {
        case .integer, .stringOrInteger: return parameter.isStatic ? "1" : number
        case .string: return parameter.isStatic || parameter.rule != nil ? "?" : "\"x\""
        case .variable: return "$var(out)"
        case .inputVariable: return "$avp(n)"
        case .regularExpression: return "\"x\""
        case .substitution: return "\"/x/y/\""
        case .routeName: return "?"
        }
    }

    @Test func functionsOfModules() throws {
        let modules = [CoreModule.declaration] + ModuleLibrary.declarations.filter { Self.bound.contains($0.name) }
        let routes = Self.routes(modules)
        // A script has at most 100 routes of a kind.
        for start in stride(from: 0, to: routes.count, by: 90) {
            let some = routes[start..<min(start + 90, routes.count)]
            let harness = try ModuleHarness("route { exit; }\n" + some.map(\.text).joined(separator: "\n"))
            for route in some {
                for number in Self.numbers {
                    let context = ModuleHarness.sample()
                    context.avps.push("n", .string(ByteString(number)))
                    try harness.run(context, .request, route.name)
                }
            }
        }
        #expect(routes.count > 100)
    }

    @Test func functionsAndTimersOfTransactions() throws {
        let tm = try #require(ModuleLibrary.declarations.first { $0.name == "tm" })
        var routes = Self.routes([tm])
        for timer in ["T_fr_timeout", "T_fr_inv_timeout"] {
            routes.append(("\(timer)", "route[\(timer)] { $\(timer) = $avp(n); t_relay(); }"))
            routes.append(("\(timer)2", "route[\(timer)2] { t_newtran(); $\(timer) = $(avp(n){s.int}); t_relay(); }"))
        }
        let harness = try TMHarness(
            "route { $avp(n) = $hdr(X-Number); route($hdr(X-Route)); }\n" + routes.map(\.text).joined(separator: "\n"))
        var count = 0
        for route in routes {
            for number in Self.numbers {
                count += 1
                let text = """
                    MESSAGE sip:bob@10.2.2.2:5080 SIP/2.0
                    Via: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKn\(count)
                    From: <sip:alice@example.net>;tag=ft
                    To: <sip:bob@example.net>
                    Call-ID: number-\(count)
                    CSeq: 1 MESSAGE
                    X-Number: \(number)
                    X-Route: \(route.name)
                    Content-Length: 0


                    """
                harness.receive(Array(text.replacing("\n", with: "\r\n").utf8), from: TMHarness.caller)
            }
        }
        #expect(routes.count > 10)
    }

    @Test func registrationsOfAnyLength() throws {
        let harness = try ModuleHarness(
            "if (!save(\"location\", \"$hdr(X-Flags)\")) note(\"no\"); else note(\"yes\");",
            head: "modparam(\"registrar\", \"expires_max_deviation\", 10)")
        for flags in [
            "e9223372036854775807", "E9223372036854775807", "min-expires=9223372036854775807", "E-9223372036854775808",
        ] {
            try harness.run(
                ModuleHarness.sample(
                    ModuleHarness.register("<sip:a@10.0.0.1>;expires=4294967295", lines: "X-Flags: \(flags)")))
        }
        #expect(harness.notes.count == 4)
    }

    @Test(arguments: [
        ("ts_usec_delta($avp(n), 0, 0, 0, $var(s)); note(\"$rc\");", "-1"),
        ("ts_usec_delta(0, $avp(n), 0, 0, $var(s)); note(\"$rc\");", "-1"),
        ("check_time_rec(\"UTC|20120101T000000|20130101T000000\", \"$avp(n)\"); note(\"$rc\");", "-1"),
        ("check_time_rec(\"UTC|20120101||P1D|daily||1||$avp(n)\"); note(\"$rc\");", "-2"),
        ("sleep($avp(n)); note(\"$rc\");", "1"), ("usleep($avp(n)); note(\"$rc\");", "1"),
    ])
    func theSmallestNumber(_ script: String, _ expected: String) throws {
        let context = ModuleHarness.sample()
        context.avps.push("n", .string("-9223372036854775808"))
        #expect(try ModuleHarness.notes(script, on: context) == [expected])
    }
}
