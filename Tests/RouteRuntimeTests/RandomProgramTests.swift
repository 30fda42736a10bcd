import Bytes
import Testing

@testable import RouteRuntime

/// Programs made at random: whatever a script does, the interpreter ends, within its limits, with its stacks in order.
@Suite struct RandomProgramTests {
    /// A small generator of its own, so that a seed means the same program everywhere.
    private struct Generator {
        var state: UInt64
        var depth = 0

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }

        mutating func pick(_ choices: [String]) -> String { choices[next(choices.count)] }

        mutating func variable() -> String {
            pick([
                "$var(a)", "$var(b)", "$avp(a)", "$avp(b)", "$ru", "$rU", "$rd", "$rp", "$rm", "$si", "$hdr(Via)",
                "$(avp(a)[1])", "$(avp(a)[*])", "$(var(a){s.len})", "$(ru{uri.host})", "$(var(b){s.substr,1,2})",
                "$(hdr(X-Test)[$var(a)])", "$rc", "$param(1)", "$return(0)", "$(var(a){s.int})", "$(ct[-1])",
                "$(var(b){re.subst,/a(.*)/\\1b/g})", "$avp($var(b))", "$(var(b){s.eval})", "$du", "$branch(uri)",
                "$msg.branch.uri", "$(var(a){s.fill.left,0,9})", "$(rb{sdp.line,m})", "$(var(b){s.select,-1,,})",
            ])
        }

        mutating func target() -> String {
            pick([
                "$var(a)", "$var(b)", "$avp(a)", "$avp(b)", "$ru", "$rU", "$rd", "$rp", "$du", "$(avp(a)[1])",
                "$(avp(b)[append])", "$branch", "$msg.branch.uri", "$ru_q", "$msg.flag(x)", "$branch.flag(y)",
            ])
        }

        mutating func value() -> String {
            switch next(6) {
            case 0: "\(next(100))"
            case 1: pick(["\"text\"", "\"sip:u@h:5060\"", "\"\"", "\"$var(a)x\"", "'a,b;c=d'", "\"7\""])
            case 2: pick(["2147483647", "0", "-1"])
            default: variable()
            }
        }

        mutating func arithmetic() -> String {
            var text = value()
            for _ in 0..<next(4) {
                text += " " + pick(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]) + " " + value()
            }
            return text
        }

        mutating func condition() -> String {
            depth += 1
            defer { depth -= 1 }
            switch depth > 3 ? next(4) : next(8) {
            case 0: return variable()
            case 1: return variable() + pick([" == ", " != ", " < ", " > ", " <= ", " >= "]) + value()
            case 2: return variable() + pick([" =~ ", " !~ "]) + pick(["\"^a.*b\"", "\"[0-9]+\"", "$var(b)"])
            case 3: return pick(["$var(a) == NULL", "$si == 10.0.0.0/8", "code(1)", "route(sub, 1)", "code(-1)"])
            case 4: return "!(" + condition() + ")"
            case 5: return "[" + arithmetic() + "]"
            default: return condition() + pick([" && ", " || "]) + "(" + condition() + ")"
            }
        }

        mutating func statement() -> String {
            depth += 1
            defer { depth -= 1 }
            switch depth > 4 ? next(5) : next(12) {
            case 0: return target() + pick([" = ", " := ", " += ", " -= ", " *= ", " /= "]) + arithmetic() + ";"
            case 1: return target() + " = " + arithmetic() + ";"
            case 2:
                return pick(["code(1);", "code(-3);", "note(\"$ru $avp(a) $var(b)\");", "append_branch();", "wait();"])
            case 3: return pick(["route(sub, $var(a), \"p\");", "route(deep);", "xlog(\"$var(a)$avp(b)\\n\");", ";"])
            case 4: return target() + " = NULL;"
            case 5, 6: return "if (" + condition() + ") { " + statement() + " } else { " + statement() + " }"
            case 7: return "while (" + condition() + ") { " + statement() + pick([" break;", ""]) + " }"
            case 8: return "for ($var(a) in $(avp(a)[*])) { " + statement() + " }"
            case 9:
                return "switch (" + variable() + ") { case 1: " + statement() + " break; case \"text\": "
                    + statement() + " default: " + statement() + " }"
            case 10:
                return pick([
                    "return(2, $var(a));", "branches(\"b\", 2);", "return;", "async(wait(), sub);",
                    "launch(wait(), sub, \"$var(a)\");",
                ])
            default: return statement() + "\n" + statement()
            }
        }

        mutating func program() -> String {
            var body: [String] = []
            for _ in 0..<(4 + next(8)) { body.append(statement()) }
            let main = body.joined(separator: "\n")
            return "route {\n\(main)\n}\nroute[sub] { \(statement()) }\nroute[deep] { \(statement()) route(deep); }\n"
                + "branch_route[b] { \(pick(["drop;", "exit;", "wait();", "$ru = \"sip:b@h\";"])) }\n"
        }
    }

    @Test(arguments: 0..<150)
    func neverTraps(seed: Int) throws {
        var generator = Generator(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let script = generator.program()
        let harness = try ScriptHarness(script) {
            $0.stepsMax = 20_000
            $0.whileLoopsMax = 50
            $0.textBytesMax = 2000
            $0.waitingRunsMax = 20
        }
        // Waits may be resumed with any code, in any order, and late.
        for _ in 0..<3 { try harness.run() }
        var rounds = 0
        while !harness.recorder.waiting.isEmpty, rounds < 500 {
            rounds += 1
            let waiting = harness.recorder.waiting
            harness.recorder.waiting = []
            for (index, run) in waiting.enumerated() {
                run.resume(index % 3 == 0 ? .done(Int32(generator.next(3)) - 1) : .done(1))
            }
        }
        if harness.recorder.waiting.isEmpty {
            #expect(harness.process.waitingCount == 0, "\(script)")
        }
    }

    /// Text that comes from messages is evaluated and substituted: no bytes of it may hurt.
    @Test func hostileText() throws {
        let harness = try ScriptHarness(Self.hostile)
        let alphabet = Array("$({[}])<>\"'\\/;,:=@.*%0aA \t\r\n\u{0}é".utf8)
        for seed in 0..<300 {
            var generator = Generator(state: UInt64(seed) &+ 77)
            let bytes = (0..<(1 + generator.next(60))).map { _ in alphabet[generator.next(alphabet.count)] }
            let context = Sample.context()
            context.avps.push("in", .string(ByteString(bytes)))
            try harness.run(on: context)
            #expect(harness.notes.last == "end 314159", "\(bytes)")
        }
    }

    private static let hostile = """
        route {
            $var(x) = $avp(in);
            for ($var(y) in $(avp(in)[*])) { $var(z) = $(var(y){s.eval}); }
            $var(z) = $(var(x){re.subst,$var(x)});
            if ($ru =~ $var(x)) $var(z) = 1;
            $ru = $var(x); $rU = $var(x); $rd = $var(x); $du = $var(x); $dd = $var(x); $branch = $var(x);
            $var(z) = $(var(x){nameaddr.uri}) + $(var(x){uri.user}) + $(var(x){via.host}) + $(var(x){csv.value,1});
            $var(z) = $(var(x){param.name,0}); $var(z) = $(var(x){s.b64decode}); $var(z) = $(var(x){s.date2unix});
            $var(z) = $(var(x){sdp.stream,0}); $var(z) = $(var(x){s.unescape.user}); $var(z) = $(var(x){ip.pton});
            $var(z) = $(var(x){ip.matches,$var(x)}); $var(z) = $(var(x){s.substr,$var(x),$var(x)});
            $var(z) = $(var(x){s.fill.left,$var(x),$var(x)}); $var(z) = $hdr($var(x)); $var(z) = $(ct[$var(x)]);
            $avp($var(x)) = $var(x); setuserpass($var(x)); sethostport($var(x)); prefix($var(x)); route($var(x));
            note("end $cs");
        }
        """
}
