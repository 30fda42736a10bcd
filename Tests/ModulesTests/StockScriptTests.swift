import Modules
import RouteLanguage
import Testing

/// Scripts of the stock kind against the real declarations of the core and of all modules.
@Suite struct StockScriptTests {
    @Test(arguments: [
        "capture.cfg", "stock_residential.cfg", "stock_trunking.cfg", "stock_loadbalancer.cfg",
        "registrar_edge.cfg", "headers.cfg", "forking.cfg", "stateless.cfg", "multihomed.cfg", "state.cfg",
    ])
    func stockScriptsAreAccepted(_ name: String) {
        let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Scripts/"
        let analysis = ScriptAnalysis.analyse(path: directory + name, catalogue: ModuleLibrary.catalogue)
        #expect(analysis.diagnostics.isEmpty, "\(analysis.render())")
    }
}
