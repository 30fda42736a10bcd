import Bytes
import Location
import Modules
import Reactor
package import RouteLanguage
import RouteRuntime
import SIPTransport

/// What stands against the start of a script that is well-formed: values that only the server can judge, and modules that
/// refuse to be bound. Opens nothing, writes nothing, starts nothing.
///
/// `sipray check`, `sipray serve -c` and `sipray serve` all ask it, so that they agree.
package enum StartCheck {
    /// Every problem that can be told without the others' being solved, in the order of the parts that found them.
    ///
    /// - Parameter looksUpNames: whether the system may be asked for the addresses of host names.
    package static func problems(
        of script: Script, options: StartOptions, looksUpNames: Bool
    ) -> [ConfigurationError] {
        var problems: [ConfigurationError] = []
        let settings = GlobalSettings(script: script, options: options, problems: &problems)
        var entries: [ListenerPlan.Entry] = []
        let listeners = checkListeners(script, settings, options, looksUpNames, &entries, &problems)
        collect(&problems) { () throws(ConfigurationError) in _ = try options.checkedNameServers() }
        var connections: ConnectionPlan?
        if listeners.contains(where: { Transport(name: ByteString($0.transport)) == .tcp }) {
            problems += refusals(of: script) { script, parameters throws(ConfigurationError) in
                connections = try ConnectionPlan(script, settings, parameters)
            }
        }
        var management: ManagementPlan?
        problems += refusals(of: script) { script, parameters throws(ConfigurationError) in
            management = try ManagementPlan(script, parameters, options.limits)
        }
        if let management {
            collect(&problems) { () throws(ConfigurationError) in
                try ProcessBudget.check(entries, settings, connections, management, script: script)
            }
        }
        problems += refusals(of: script) { script, parameters throws(ConfigurationError) in
            _ = try EventPlan.options(script, parameters)
        }
        problems += refusals(of: script) { script, parameters throws(ConfigurationError) in
            _ = try OpenTelemetryPlan(script, parameters)
        }
        problems += refusals(of: script) { script, parameters throws(ConfigurationError) in
            _ = try ScriptAssembly.bindModules(
                script,
                ModuleEnvironment(
                    parameters: parameters, addresses: LocalAddresses(sockets: [], aliases: script.aliases),
                    flags: FlagNames(), location: LocationStore(observer: .none), statistics: Statistics(),
                    now: { 0 }, log: { _, _ in }))
        }
        return problems
    }

    /// The problems of a script that could be read, among its diagnostics.
    package static func add(
        to analysis: inout ScriptAnalysis, options: StartOptions, looksUpNames: Bool
    ) {
        guard analysis.isWellFormed else { return }
        // What the language refuses already is told once.
        let told = Set(analysis.diagnostics.filter { $0.severity == .error }.map(\.location))
        let found = problems(of: analysis.script, options: options, looksUpNames: looksUpNames).map(\.diagnostic)
        analysis.add(found.filter { $0.location == .none || !told.contains($0.location) })
    }

    private static func collect(
        _ problems: inout [ConfigurationError], _ body: () throws(ConfigurationError) -> Void
    ) {
        do throws(ConfigurationError) { try body() } catch { problems.append(error) }
    }

    /// Refusals that one part of the server tells at most; a script with more has one that a program wrote.
    private static let refusalsMax = 100

    /// All that a part of the server refuses, though it stops at the first: what it refused is taken out of the script, and it
    /// is asked again.
    private static func refusals(
        of script: Script, by part: (Script, ModuleParameters) throws(ConfigurationError) -> Void
    ) -> [ConfigurationError] {
        var script = script
        var found: [ConfigurationError] = []
        while found.count < refusalsMax {
            do throws(ConfigurationError) {
                try part(script, ModuleParameters(script.moduleParameters))
                return found
            } catch {
                found.append(error)
                guard let location = error.location, script.removeSetting(at: location) else { return found }
            }
        }
        return found
    }

    /// The listeners that the start would open.
    /// - Parameter entries: gets their addresses.
    private static func checkListeners(
        _ script: Script, _ settings: GlobalSettings, _ options: StartOptions, _ looksUpNames: Bool,
        _ entries: inout [ListenerPlan.Entry], _ problems: inout [ConfigurationError]
    ) -> [ListenerConfiguration] {
        let before = problems.count
        var listeners: [ListenerConfiguration] = []
        for text in options.sockets {
            collect(&problems) { () throws(ConfigurationError) in listeners += try ListenerConfiguration.parse(text) }
        }
        if options.sockets.isEmpty { listeners = ListenerConfiguration.listeners(of: script) }
        guard !listeners.isEmpty else {
            guard problems.count == before else { return [] }
            collect(&problems) { () throws(ConfigurationError) in
                _ = try ListenerPlan([], settings: settings, script: script)
            }
            return []
        }
        for listener in listeners {
            collect(&problems) { () throws(ConfigurationError) in
                let plan = try ListenerPlan(
                    [listener], settings: settings, script: script, looksUpNames: looksUpNames)
                entries += plan.entries.filter { new in
                    !entries.contains { $0.isAt(new.address, new.request.transport) }
                }
            }
        }
        return listeners
    }
}

extension ConstantValue {
    fileprivate var text: ByteString {
        switch self {
        case .integer(let number): ByteString(decimal: number)
        case .string(let bytes): ByteString(bytes)
        }
    }
}

extension ConfigurationError {
    /// A module's refusal, at the `modparam` that it is about, else at the module's `loadmodule`.
    init(_ error: ModuleError, in script: Script) {
        let set = script.moduleParameters.filter { $0.module == error.module && $0.name == error.parameter }
        let place = set.last { error.value != nil && $0.value.text == error.value } ?? set.last
        let loaded = script.modules.first { $0.name == error.module }
        if let location = place?.location ?? loaded?.location {
            self.init(error.description, at: location, in: script)
        } else {
            self.init(error.description)
        }
    }
}
