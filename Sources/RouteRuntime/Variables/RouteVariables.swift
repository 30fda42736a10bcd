import Bytes
import Reactor
import RouteLanguage

/// Variables about the script itself: `$rc`, `$param`, `$return`, `$route`, `$cfg_line`, log levels, the process.
enum RouteVariables {
    static let all: [VariableDefinition] = results + routes + levels + process

    private static let results: [VariableDefinition] =
        VariableDefinition.readOnly("rc", "retcode") { .integer(Int($0.run.returnCode)) }
        + VariableDefinition.readOnly("cfg_line") { .decimal(Int($0.run.location.line)) }
        + VariableDefinition.readOnly("cfg_file") { access in
            .string(ByteString(access.process.engine.fileName(access.run.location)))
        } + [
            VariableDefinition(VariableDeclaration("param", inner: .required), prepare: numberOrName) { access in
                parameter(access)
            },
            VariableDefinition(VariableDeclaration("return", inner: .required), prepare: { $0.decimal() }) { access in
                let values = access.run.returned
                return values.indices.contains(access.token) ? values[access.token] : .null
            },
            VariableDefinition(VariableDeclaration("argv", inner: .required)) { access in
                let name = access.inner?.string ?? ""
                return Value(access.run.configuration.arguments[name].map { ByteString($0) })
            },
        ]

    /// A number as itself, a name as -1.
    @Sendable private static func numberOrName(_ text: ByteString) -> Int? { text.decimal() ?? -1 }

    /// `$param(1)` is the first; `$param(name)` is a parameter of the event that an event route is about.
    private static func parameter(_ access: borrowing VariableAccess) -> Value {
        let events = access.context.eventParameters
        guard access.token >= 0 else {
            return events.first { $0.name == (access.inner ?? .empty) }?.value ?? .null
        }
        let depth = access.run.frames.count
        guard depth > 0 else { return .null }
        let frame = access.run.frames[depth - 1]
        if depth == 1, frame.parameterCount == 0, !events.isEmpty {
            return events.indices.contains(access.token - 1) ? events[access.token - 1].value : .null
        }
        guard (1...max(1, frame.parameterCount)).contains(access.token), frame.parameterCount > 0 else { return .null }
        return access.run.parameters[frame.parameterBase + access.token - 1]
    }

    // MARK: $route

    private static let routes: [VariableDefinition] =
        VariableDefinition.readOnly("route", indexable: true) { access in
            names(access) { $0.fullName }
        }
        + VariableDefinition.readOnly("route.type", indexable: true) { access in
            names(access) { ByteString($0.compiled.kind.keyword) }
        }
        + VariableDefinition.readOnly("route.name", indexable: true) { access in
            names(access) { ByteString($0.compiled.name ?? "") }
        }

    /// Of the routes that are open: index 0 is the innermost, -1 the top route, `[*]` lists from the top.
    private static func names(_ access: borrowing VariableAccess, _ name: (BoundRoute) -> ByteString) -> Value {
        let routes = access.run.bound.routes
        let outermostFirst = access.run.frames.map { name(routes[$0.route]) }
        if access.index == .all { return .string(ByteString.joined(outermostFirst, " > ")) }
        return access.select(outermostFirst.reversed())
    }

    // MARK: Log levels

    private static let levels: [VariableDefinition] =
        VariableDefinition.writable(
            "log_level", read: { .decimal($0.process.logLevel) },
            write: { access, value, _ in
                guard !value.isNull else {
                    access.process.setLogLevel(nil)
                    return true
                }
                guard let level = ScriptLogLevel(levelValue: value) else {
                    return access.refuse("\"\(value.printed)\" is no log level")
                }
                access.process.setLogLevel(level)
                return true
            })
        + VariableDefinition.writable(
            "xlog_level", read: { .decimal($0.process.xlogLevel) },
            write: { access, value, _ in
                guard !value.isNull else {
                    access.process.setXlogLevel(nil)
                    return true
                }
                guard let level = ScriptLogLevel(levelValue: value) else {
                    return access.refuse("\"\(value.printed)\" is no log level")
                }
                access.process.setXlogLevel(level)
                return true
            })

    // MARK: The process

    private static let process: [VariableDefinition] =
        VariableDefinition.readOnly("pp") { .decimal($0.process.process.pid) } + [
            VariableDefinition(VariableDeclaration("C", inner: .required)) { access in
                Value(access.inner.flatMap { TerminalColor.escape($0) })
            },
            VariableDefinition(
                VariableDeclaration("var", inner: .required, isWritable: true)
            ) { access in
                access.run.scriptVariable(access.inner ?? .empty)
            } write: { access, value, _ in
                access.run.setScriptVariable(access.inner ?? .empty, value)
            },
        ]
}

/// `$C(xy)`: terminal colours, foreground then background.
enum TerminalColor {
    private static let letters = Array("srgybpcw".utf8)

    /// The escape sequence; nil when the two letters are no colours.
    static func escape(_ pair: ByteString) -> ByteString? {
        guard pair.count == 2, let front = code(pair[0], base: 30, plain: 39),
            let back = code(pair[1], base: 40, plain: 49)
        else { return nil }
        var writer = ByteWriter(reserving: 12)
        writer.append(27)
        writer.append("[0;")
        writer.append(decimal: front)
        writer.append(";")
        writer.append(decimal: back)
        writer.append("m")
        return writer.finishText()
    }

    private static func code(_ letter: UInt8, base: Int, plain: Int) -> Int? {
        if letter == UInt8(ascii: "x") { return plain }
        return letters.firstIndex(of: letter).map { base + $0 }
    }
}
