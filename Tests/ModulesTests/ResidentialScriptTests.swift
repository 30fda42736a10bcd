import RouteLanguage
import RouteRuntime
import Testing

@testable import Modules

@Suite("The demo's script")
struct ResidentialScriptTests {
    @Test func itIsAcceptedWithoutAWord() {
        let text = ResidentialScript.text(sockets: ["udp:127.0.0.1:5060", "udp:127.0.0.2:5060"])
        let analysis = ScriptAnalysis.analyse(
            path: "demo.cfg", catalogue: ModuleLibrary.catalogue, reader: .table(["demo.cfg": text]))
        #expect(analysis.isAccepted, "\(analysis.render())")
        #expect(analysis.diagnostics.isEmpty, "\(analysis.render())")
        #expect(analysis.script.sockets.count == 2)
        #expect(analysis.script.isLoaded("mi_fifo"))
    }

    @Test func managementCanBeLeftOut() {
        let text = ResidentialScript.text(fifoName: nil)
        let analysis = ScriptAnalysis.analyse(
            path: "demo.cfg", catalogue: ModuleLibrary.catalogue, reader: .table(["demo.cfg": text]))
        #expect(analysis.isAccepted, "\(analysis.render())")
        #expect(!analysis.script.isLoaded("mi_fifo"))
    }
}
