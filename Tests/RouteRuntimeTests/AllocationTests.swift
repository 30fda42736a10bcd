import AllocationCounting
import Testing

@testable import RouteRuntime

/// What a run costs in allocations. Exact, so they gate.
@Suite struct AllocationTests {
    private func count(_ script: String, rounds: Int = 10) throws -> Int {
        let harness = try ScriptHarness(script)
        let context = Sample.context()
        for _ in 0..<4 { try harness.code(on: context) }
        let total = allocations {
            for _ in 0..<rounds { _ = try? harness.code(on: context) }
        }
        return total / rounds
    }

    @Test(.enabled(if: canCountAllocations))
    func integersConditionsAndCallsAllocateNothing() throws {
        let script = """
            route {
                $var(i) = 0;
                while ($var(i) < 20) {
                    $var(i) = $var(i) + 1;
                    if ($var(i) == 3 || $var(i) > 5 && !$var(none)) code(1);
                }
                $var(s) = "text";
                if ($var(s) == "TEXT" && $rm == "INVITE") route(sub, 1, $var(i));
                if ($si == 10.0.0.0/8) code(1);
                switch ($var(i)) { case 1: code(2); break; case 20: code(3); break; default: code(4); }
                setflag("f");
                if (isflagset("f")) code(1);
            }
            route[sub] { if ($param(1) == 1) return(5); }
            """
        let allocations = try count(script)
        #expect(allocations == 0, "\(allocations) allocations")
    }

    @Test(.enabled(if: canCountAllocations))
    func aTypicalRoute() throws {
        let allocations = try count(
            """
            route {
                if ($rU == "nobody" || $hdr(X-None) != NULL) exit;
                if ($ua =~ "scanner|friendly") drop;
                if ($rd == "biloxi.example.com") code(1);
                $avp(caller) := $fU;
                $du = "sip:127.0.0.1:5080";
                xlog("L_INFO", "$rm from $fu\\n");
                route(relay);
            }
            route[relay] { code(1); exit; }
            """)
        // Strings are made for $avp and $du only: the values that outlive the statement.
        #expect(allocations <= 8, "\(allocations) allocations")
    }
}
