/// What acts when it is executed: a function call or one of the core keywords that act as calls.
///
/// A command is a statement of its own or part of a condition (`if (!route(checks))`).
package struct Command: Sendable {
    package enum Kind: Sendable {
        /// A function of the core or of a module.
        case function(FunctionCall)
        /// `route(name, parameters…)`
        case route(RouteName, arguments: [Argument])
        case exit
        case drop
        /// `return`, `return(n)`, `return($v)`, `return(n, v1, v2)`. Empty: returns 1.
        case returnValues([Expression])
        /// `assert(condition, "text")`
        case assert(Expression, message: FormatString?)
        /// `log(level, "text")`, the text is constant.
        case log(level: Int, text: [UInt8])
        /// `error("a", "b")`, constants.
        case error([UInt8], [UInt8])
        /// `xlog("L_INFO", "format")`; the level may be a variable.
        case xlog(level: LogLevel?, format: FormatString)
        case xdbg(FormatString)
        /// `async(f(…), resumeRoute, timeout)`
        case async(FunctionCall, resume: RouteName, timeout: Argument?)
        /// `launch(f(…), reportRoute, "parameter")`
        case launch(FunctionCall, report: RouteName?, parameter: FormatString?)
    }

    /// The level of an `xlog`.
    package enum LogLevel: Sendable {
        /// -3 alert, -2 critical, -1 error, 1 warning, 2 notice, 3 info, 4 debug.
        case constant(Int)
        case variable(Variable)
    }

    package var location: SourceLocation
    package var kind: Kind
}

/// `name(arguments)` of a core or module function.
package struct FunctionCall: Sendable {
    package var location: SourceLocation
    package var name: String
    /// nil where an optional argument was left out between commas: `f("a",,"b")`.
    package var arguments: [Argument?]
}

/// One argument of a call.
package struct Argument: Sendable {
    package enum Kind: Sendable {
        case string(FormatString)
        case number(Int)
        /// An unquoted variable.
        case variable(Variable)
    }

    package var location: SourceLocation
    package var kind: Kind
}

/// The name of a route where it is called or armed.
package enum RouteName: Sendable {
    case constant(String, location: SourceLocation)
    /// `route($var(x))`, `route("to_$rd")`: looked up each time it runs.
    case dynamic(FormatString)
}
