import RouteLanguage
import Testing

/// Whole scripts from Tests/Scripts.
@Suite struct FixtureTests {
    static let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Scripts/"

    static func analyse(_ name: String) -> ScriptAnalysis {
        ScriptAnalysis.analyse(path: directory + name, catalogue: TestCatalogue.all)
    }

    @Test(arguments: ["capture.cfg"])
    func stockScriptsAreClean(_ name: String) {
        let analysis = Self.analyse(name)
        #expect(analysis.diagnostics.isEmpty, "\(analysis.render())")
        #expect(analysis.script.routes.count >= 5)
    }

    @Test func everyFormOfTheLanguageIsRead() {
        let analysis = Self.analyse("language.cfg")
        #expect(errors(analysis).isEmpty, "\(analysis.render())")
        let script = analysis.script
        #expect(script.routes.map(\.kind).count == 13)
        #expect(script.route(.timer, "tick")?.intervalSeconds == 30)
        #expect(script.route(.request, nil) != nil)
        #expect(script.route(.request, "quoted-name") != nil)
        #expect(script.route(.request, "7") != nil)
    }

    @Test func socketsAndTheirOptions() throws {
        let script = Self.analyse("language.cfg").script
        try #require(script.sockets.count == 4 && script.aliases.count == 4 && script.blacklists.count == 3)
        #expect(script.sockets.map(\.host) == ["*", "::1", "eth0", "sip.host.example"])
        #expect(script.sockets[1].ports == [5060, 5061, 5062, 5070])
        let options = script.sockets[1].options
        #expect(options.advertisedHost == "198.51.100.7" && options.advertisedPort == 5080)
        #expect(
            options.workers == 3 && options.autoScalingProfile == "SIP" && options.tag == "edge" && options.tos == 16)
        #expect(script.sockets[2].options.isAnycast && script.sockets[2].options.sendsProxyProtocol)
        #expect(script.bonds.first?.members == ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"])
        #expect(
            script.aliases.map(\.host) == ["sip-1.host.example", "other.example", "third.example", "fourth.example"])
        #expect(
            script.aliases[0].acceptsSubdomain && script.aliases[3].port == 5060 && script.aliases[1].transport == nil)
        #expect(script.autoScalingProfiles.first?.up.within == 5)
        #expect(script.autoScalingProfiles.first?.down?.workers == 2)
        #expect(script.blacklists.map(\.name) == ["gw", "dynamic", "single"])
        #expect(script.blacklists[0].rules[1].isNegated && script.blacklists[0].rules[1].network.prefixLength == 24)
        #expect(script.parameters.string("wdir") == "/usr/opensips_wd")
        #expect(script.parameters.string("advertised_address") == "198.51.100.7")
        #expect(script.parameters.assignments("mpath").count == 2)
        #expect(script.modules.map(\.name).prefix(4) == ["proto_udp", "tm", "sl", "signaling"])
    }
}
