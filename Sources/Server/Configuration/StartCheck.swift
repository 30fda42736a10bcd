import Bytes
import Location
import Modules
import RESTClient
import Reactor
package import RouteLanguage
import RouteRuntime

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
        checkListeners(script, settings, options, looksUpNames, &problems)
        collect(&problems) { () throws(ConfigurationError) in _ = try options.checkedNameServers() }
        let parameters = ModuleParameters(script.moduleParameters)
        collect(&problems) { () throws(ConfigurationError) in _ = try ManagementPlan(script, parameters) }
        collect(&problems) { () throws(ConfigurationError) in
            _ = try OpenTelemetryPlan(script, parameters, environment: [:])
        }
        checkModules(script, parameters, &problems)
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

    private static func checkListeners(
        _ script: Script, _ settings: GlobalSettings, _ options: StartOptions, _ looksUpNames: Bool,
        _ problems: inout [ConfigurationError]
    ) {
        let before = problems.count
        var listeners: [ListenerConfiguration] = []
        for text in options.sockets {
            collect(&problems) { () throws(ConfigurationError) in listeners += try ListenerConfiguration.parse(text) }
        }
        if options.sockets.isEmpty { listeners = ListenerConfiguration.listeners(of: script) }
        guard !listeners.isEmpty else {
            guard problems.count == before else { return }
            return collect(&problems) { () throws(ConfigurationError) in
                _ = try ListenerPlan([], settings: settings, script: script)
            }
        }
        for listener in listeners {
            collect(&problems) { () throws(ConfigurationError) in
                _ = try ListenerPlan([listener], settings: settings, script: script, looksUpNames: looksUpNames)
            }
        }
    }

    /// Binds each module by itself, to nothing that lasts.
    private static func checkModules(
        _ script: Script, _ parameters: ModuleParameters, _ problems: inout [ConfigurationError]
    ) {
        let environment = ModuleEnvironment(
            parameters: parameters, addresses: LocalAddresses(sockets: [], aliases: script.aliases),
            flags: FlagNames(), location: LocationStore(observer: .none), statistics: Statistics(), now: { 0 },
            log: { _, _ in })
        for module in script.modules {
            do throws(ModuleError) {
                _ = try ModuleLibrary.bind([module.name], environment)
                if module.name == "rest_client" { _ = try RESTClientModule.bind(environment) }
            } catch {
                problems.append(ConfigurationError(error, of: module.name, in: script))
            }
        }
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
    ///
    /// - Parameter module: the module that refused, when the error does not name it.
    init(_ error: ModuleError, of module: String? = nil, in script: Script) {
        let set = script.moduleParameters.filter { $0.module == error.module && $0.name == error.parameter }
        let place = set.last { error.value != nil && $0.value.text == error.value } ?? set.last
        let loaded = script.modules.first { $0.name == error.module ?? module }
        if let location = place?.location ?? loaded?.location {
            self.init(error.description, at: location, in: script)
        } else {
            self.init(error.description)
        }
    }
}
