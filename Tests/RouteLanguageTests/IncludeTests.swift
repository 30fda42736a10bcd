import RouteLanguage
import Testing

/// Splicing of files and the way back to them.
@Suite struct IncludeTests {
    @Test func filesAreSplicedAnywhere() {
        let analysis = analyse(
            preamble + "\ninclude_file \"top.cfg\"\nroute {\n  import_file 'inside.cfg'\n  exit;\n}\n",
            files: ["top.cfg": "udp_workers=2", "inside.cfg": "xlog(\"a\");\nxlog(\"b\");"])
        #expect(analysis.isAccepted)
        #expect(analysis.script.parameters.integer("udp_workers") == 2)
        #expect(analysis.script.routes.first?.body.count == 3)
        #expect(analysis.script.files.files.map(\.name) == ["t.cfg", "top.cfg", "inside.cfg"])
    }

    @Test func placesInIncludedFiles() {
        let analysis = analyse(
            "route { exit; }\ninclude_file \"lib/a.cfg\"\nroute[z] { nope(); }\n",
            files: [
                "lib/a.cfg": "route[a] { nope(); }\ninclude_file \"b.cfg\"\n", "lib/b.cfg": "route[b] {\n nope(); }",
            ])
        let places = analysis.diagnostics.map { Diagnostic.place($0.location, analysis.script.files) }
        #expect(places == ["t.cfg:3:12", "lib/a.cfg:1:12", "lib/b.cfg:2:2"])
        #expect(
            analysis.diagnostics[2].render(source: analysis.script.files) == """
                lib/b.cfg:2:2: error: unknown function `nope`
                    2 |  nope(); }
                      |  ^~~~
                     hint: maybe a loadmodule is missing
                     included from lib/a.cfg:2
                     included from t.cfg:2
                """)
    }

    @Test func startDirectoryComesFirst() {
        let analysis = analyse(
            "include_file \"lib/a.cfg\"\n",
            files: ["lib/a.cfg": "include_file \"x.cfg\"", "x.cfg": "udp_workers=1", "lib/x.cfg": "udp_workers=2"])
        #expect(analysis.script.parameters.integer("udp_workers") == 1)
    }

    @Test func depthIsLimited() {
        let analysis = analyse("include_file \"t.cfg\"\nroute { exit; }\n")
        #expect(errors(analysis).contains("include-depth"))
        // The script reads itself 50 times; each copy of the route is one more.
        #expect(analysis.script.files.files.count == 51)
        #expect(analyse("include_file \"a.cfg\"\n", files: ["a.cfg": "route { exit; }"]).isAccepted)
    }

    @Test func sizesAreLimited() {
        var limits = ScriptLimits()
        limits.fileBytesMax = 20
        #expect(errors(analyse("# 12345678901234567890\n", limits: limits)) == ["unreadable-file"])
        limits.fileBytesMax = 1000
        limits.fileCountMax = 1
        #expect(
            errors(analyse("include_file \"a.cfg\"\n", files: ["a.cfg": "udp_workers=1"], limits: limits))
                == ["include-size"])
        limits = ScriptLimits()
        limits.nestingDepthMax = 10
        let deep = String(repeating: "(", count: 11) + "$ru" + String(repeating: ")", count: 11)
        #expect(errors(analyse("route { if (\(deep)) exit; }", limits: limits)) == ["nesting-depth"])
        let fine = String(repeating: "(", count: 8) + "$ru" + String(repeating: ")", count: 8)
        #expect(errors(analyse("route { if (\(fine)) exit; }", limits: limits)).isEmpty)
    }

    @Test func diagnosticsAreCountedBeyondTheLimit() {
        var limits = ScriptLimits()
        limits.diagnosticsMax = 10
        let analysis = analyse("route { " + String(repeating: "nope();\n", count: 50) + "}", limits: limits)
        #expect(analysis.diagnostics.count == 10)
        #expect(analysis.errorCount == 50)
        #expect(analysis.summary == "bad config file (50 errors)")
    }

    @Test func missingFileIsTheOnlyError() {
        let analysis = ScriptAnalysis.analyse(path: "gone.cfg", catalogue: TestCatalogue.all, reader: .table([:]))
        #expect(analysis.render() == "gone.cfg: error: no such file\n\nbad config file (1 error)")
    }

    @Test func preprocessorComesAfterIncludes() {
        let reader = SourceReader.table([
            "t.cfg": "include_file \"a.cfg\"\nroute { nope(); }\n", "a.cfg": "udp_workers=WORKERS\n",
        ])
        func run(_ command: String) -> ScriptAnalysis {
            ScriptAnalysis.analyse(path: "t.cfg", catalogue: TestCatalogue.all, reader: reader, preprocessor: command)
        }
        let changed = run("sed s/WORKERS/3/")
        #expect(changed.script.parameters.integer("udp_workers") == 3)
        #expect(codes(changed) == ["error unknown-function 2:9"])
        // What comes out as it went in keeps its places.
        #expect(run("cat").diagnostics.map { $0.location.file } == [0, 1])
        #expect(errors(run("exit 3")) == ["preprocessor"])
        #expect(run("exit 3").render().contains("the preprocessor `exit 3` failed: it ended with status 3"))
    }

    @Test func lastLineNeedsNoNewline() {
        #expect(analyse("route { exit; } # comment without end").isAccepted)
        #expect(analyse("route { exit; }\r\n").isAccepted)
    }
}
