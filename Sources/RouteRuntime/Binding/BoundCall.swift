import Bytes
import Profiling
import RouteLanguage

/// A call of a host function at one place of the script.
final class BoundCall: Sendable {
    let index: Int
    let name: String
    let location: SourceLocation
    let function: HostFunction
    let arguments: [BoundArgument]
    /// Of a slow function: its record's site.
    let site: Site?
    /// Of the record that says that the script goes on after it.
    let resumeSite: Site

    init(
        index: Int, name: String, location: SourceLocation, function: @escaping HostFunction,
        arguments: [BoundArgument], site: Site?, resumeSite: Site
    ) {
        self.index = index
        self.name = name
        self.location = location
        self.function = function
        self.arguments = arguments
        self.site = site
        self.resumeSite = resumeSite
    }
}

/// One argument of a call.
struct BoundArgument: Sendable {
    enum Kind: Sendable {
        case omitted
        case constant(Value)
        case format(BoundFormat)
        case variable(BoundVariable)
        /// A variable that the function writes to; not evaluated.
        case output
    }

    var kind: Kind
    var spec: ParameterSpec?
    var output: BoundVariable?
    var pattern: RegularExpression?
    var route: RouteHandle?
    /// The bit of a constant flag name, for the functions that take one.
    var flagMask: UInt32 = 0

    func value(in run: ScriptRun) -> Value {
        switch kind {
        case .omitted, .output: .null
        case .constant(let value): value
        case .format(let format): format.value(in: run)
        case .variable(let variable): variable.read(in: run)
        }
    }
}

extension BoundArgument {
    /// What is wrong with a value for this parameter; nil when it fits. Constants were checked with the script.
    func mismatch(_ value: Value) -> String? {
        guard let spec else { return nil }
        switch kind {
        case .omitted, .output, .constant: return nil
        case .format, .variable: break
        }
        switch spec.kind {
        case .variable, .inputVariable: return nil
        case .integer:
            if value.isNull { return spec.isOptional ? nil : "parameter \"\(spec.name)\" is NULL" }
            guard value.integer == nil, value.text?.decimal() == nil else { return nil }
            return "parameter \"\(spec.name)\" is no integer"
        case .string, .stringOrInteger, .regularExpression, .substitution, .routeName:
            return value.isNull && !spec.isOptional ? "parameter \"\(spec.name)\" is NULL" : nil
        }
    }
}

/// `route(…)` at one place of the script.
final class BoundRouteCall: Sendable {
    enum Target: Sendable {
        case route(Int)
        case unknown(String)
        case dynamic(BoundFormat)
    }

    enum Argument: Sendable {
        case constant(Value)
        case variable(BoundVariable)
    }

    let target: Target
    let arguments: [Argument]
    let location: SourceLocation
    /// The sites of the routes that may be reached from here, by route index; the call's line is theirs.
    let sites: [Int: Site]

    init(target: Target, arguments: [Argument], location: SourceLocation, sites: [Int: Site]) {
        self.target = target
        self.arguments = arguments
        self.location = location
        self.sites = sites
    }
}
