package import JSONRPC

/// The commands of a server. Filled before traffic starts, then copied into a ``CommandDispatcher`` and never changed.
///
/// ```swift
/// registry.add("usrloc:show_contact", aliases: ["ul_show_contact"], "Shows an AOR.", [["table_name", "aor"]]) { call in
///     try location.show(try call.string("aor"))
/// }
/// ```
package struct CommandRegistry: Sendable {
    package private(set) var commands: [Command] = []
    private var indexByName: [String: Int] = [:]
    private var indexesByLocalName: [String: [Int]] = [:]
    private var indexByAlias: [String: Int] = [:]

    package init() {}

    /// Adds a command that answers at once. `recipes` are the accepted lists of parameter names; `[[]]` is none.
    ///
    /// Traps when the name is not `module:command` or is taken: both are mistakes of ours, found at every start.
    package mutating func add(
        _ name: String, aliases: [String] = [], _ summary: String, _ recipes: [[String]] = [[]],
        _ body: @escaping @Sendable (CommandCall) throws(RPCError) -> JSONValue
    ) {
        addLater(name, aliases: aliases, summary, recipes) { call, reply in
            do throws(RPCError) {
                reply.succeed(try body(call))
            } catch {
                reply.fail(error)
            }
        }
    }

    /// Adds a command that may answer later: `body` keeps the reply and answers it from any thread.
    package mutating func addLater(
        _ name: String, aliases: [String] = [], _ summary: String, _ recipes: [[String]] = [[]],
        _ body: @escaping Command.Handler
    ) {
        let command = Command(name: name, aliases: aliases, summary: summary, recipes: recipes, handler: body)
        precondition(
            !command.module.isEmpty && !command.localName.isEmpty, "command name must be module:command: \(name)")
        precondition(!recipes.isEmpty, "a command without recipes can't be called: \(name)")
        precondition(indexByName[name] == nil, "command registered twice: \(name)")
        let index = commands.count
        commands.append(command)
        indexByName[name] = index
        indexesByLocalName[command.localName, default: []].append(index)
        for alias in aliases {
            precondition(indexByAlias.updateValue(index, forKey: alias) == nil, "alias registered twice: \(alias)")
        }
    }

    /// As ``add``, for a command about commands: `body` is given the registry as it is when it is called.
    package mutating func addWithRegistry(
        _ name: String, aliases: [String] = [], _ summary: String, _ recipes: [[String]] = [[]],
        _ body: @escaping @Sendable (CommandCall, CommandRegistry) throws(RPCError) -> JSONValue
    ) {
        addLater(name, aliases: aliases, summary, recipes) { call, reply in
            do throws(RPCError) {
                reply.succeed(try body(call, call.registry))
            } catch {
                reply.fail(error)
            }
        }
    }

    /// Finds a command by what a caller wrote.
    ///
    /// With a colon: the exact name, else an alias. Without: a local name that one module alone has; several make
    /// the call ambiguous; none leaves the aliases.
    package func find(_ name: String) throws(RPCError) -> Command {
        if name.contains(":") {
            if let index = indexByName[name] ?? indexByAlias[name] { return commands[index] }
            throw .methodNotFound
        }
        let candidates = indexesByLocalName[name] ?? []
        if candidates.count > 1 {
            let names = candidates.map { commands[$0].name }.joined(separator: ", ")
            throw .methodAmbiguous.with(data: "use one of \(names)")
        }
        guard let index = candidates.first ?? indexByAlias[name] else { throw .methodNotFound }
        return commands[index]
    }

    /// Whether every name is one of a command; what `core:which` with a name answers.
    package func canonicalNames(matching name: String) -> [String] {
        let candidates = (indexesByLocalName[name] ?? []).map { commands[$0].name }
        if !candidates.isEmpty { return candidates }
        return [indexByName[name] ?? indexByAlias[name]].compactMap { $0 }.map { commands[$0].name }
    }
}
