import Bytes
import Testing

@testable import RouteRuntime

/// Numbers at the ends of what fits, and beyond it, in every transformation and every function of the core: a message
/// or a database row may hold any digits, and nothing that a script does with them may end the server.
@Suite struct ExtremeNumberTests {
    static let numbers = [
        "-9223372036854775808", "9223372036854775807", "-9223372036854775807", "9223372036854775808",
        "340282366920938463463374607431768211456", "-2147483649", "4294967296", "65536", "-1", "0", "",
    ]

    /// What transformations are applied to: numbers, and texts of the forms that they read, with such numbers inside.
    private static let subjects =
        numbers + [
            "Mon, 01 Jan 2024 9223372036854775807:9223372036854775807:9223372036854775807 GMT",
            "Mon, 01 Jan 9223372036854775807 00:00:00 GMT", "Mon, -9223372036854775808 Jan 2024 00:00:00 GMT",
            "sip:a@h:9223372036854775807;ttl=9223372036854775808",
            "SIP/2.0/UDP h:9223372036854775807;branch=x;rport=-9223372036854775808", "a=1;b=2", "one,two,\"three\"",
            "\"N\" <sip:a@h>,<sip:b@h>", "10.0.0.1", "v=0\r\nm=audio 9223372036854775808 RTP/AVP 0\r\n",
        ]

    @Test func transformations() throws {
        let known = CoreTransformations.all.map(\.declaration).filter { $0.availability == .available }
        var statements: [String] = []
        for declaration in known where "\(declaration.family).\(declaration.name)" != "s.eval" {
            for count in declaration.arguments {
                for arguments in Self.arguments(count) {
                    statements.append("$var(x) = $(avp(text){\(declaration.family).\(declaration.name)\(arguments)});")
                }
            }
        }
        let harness = try ScriptHarness(statements.joined(separator: "\n") + "\nnote(\"end\");")
        for subject in Self.subjects {
            for number in Self.numbers {
                let context = Sample.context()
                context.avps.push("text", .string(ByteString(subject)))
                context.avps.push("n", .string(ByteString(number)))
                try harness.run(on: context)
            }
        }
        #expect(harness.notes.count == Self.subjects.count * Self.numbers.count)
    }

    /// The number as each argument, the others being a letter and 1.
    private static func arguments(_ count: Int) -> [String] {
        guard count > 0 else { return [""] }
        let plain = ["0", "1", "a"]
        return (0..<count).flatMap { place in
            plain.map { other in
                (0..<count).map { $0 == place ? ",$avp(n)" : ",\(other)" }.joined()
            }
        }
    }

    @Test(arguments: [
        ("date2unix", "Mon, 01 Jan 2024 23:59:60 GMT", "1704153600"),
        ("hour", "Mon, 01 Jan 2024 24:00:00 GMT", "<null>"),
        ("minute", "Mon, 01 Jan 2024 00:60:00 GMT", "<null>"), ("second", "Mon, 01 Jan 2024 00:00:61 GMT", "<null>"),
        ("negative", "Mon, 01 Jan 2024 -1:00:00 GMT", "<null>"),
        ("overflow", "Mon, 01 Jan 2024 9223372036854775807:00:00 GMT", "<null>"),
    ])
    func timesOfADate(_ name: String, _ text: String, _ expected: String) throws {
        let context = Sample.context()
        context.avps.push("d", .string(ByteString(text)))
        #expect(try ScriptHarness.print("$(avp(d){s.date2unix})", on: context) == expected, "\(name)")
    }

    @Test func variablesByIndex() throws {
        let names = [
            "avp(list)", "hdr(X-Test)", "ct.fields(uri)", "ct", "branch", "msg.branch.uri", "msg.branch.q", "route",
            "param(1)",
        ]
        var statements = names.dropLast().map { "$var(x) = $(\($0)[$var(i)]);" }
        statements += ["$(avp(list)[$var(i)]) = 1;", "$var(x) = $param($var(i));", "$var(x) = $return($var(i));"]
        statements += [
            "for ($var(y) in $(avp(list)[*])) $var(z) = $var(y) + $var(i) * $var(i) - $var(i) << $var(i) >> 3;"
        ]
        statements += ["$var(x) = ~$var(i); $var(x) = $var(i) / -1; $var(x) = $var(i) % -1;"]
        for number in Self.numbers where !number.isEmpty {
            for value in ["\"\(number)\"", "$(avp(n){s.int})"] {
                let context = Sample.context()
                context.avps.push("n", .string(ByteString(number)))
                for item in ["1", "2"] { context.avps.push("list", .string(ByteString(item))) }
                let notes = try ScriptHarness.notes(
                    "route {\n$var(i) = \(value);\n" + statements.joined(separator: "\n") + "\nnote(\"end\");\n}",
                    on: context)
                #expect(notes == ["end"], "\(number)")
            }
        }
    }
}
