package import Bytes
package import RouteLanguage

/// One call of a host function: who calls, and with what.
///
/// Arguments were evaluated before the call. A copy may be kept until the run is resumed, not longer.
package struct Call {
    package let run: ScriptRun
    let site: BoundCall
    let base: Int

    /// The message that the route is about.
    package var context: MessageContext { run.context }

    /// The kind of top route that runs.
    package var kind: RouteKind { run.kind }

    package var process: ScriptProcess { run.process }

    /// How many arguments were written, left out ones included.
    package var count: Int { site.arguments.count }

    /// Whether the argument was given. One whose variable is NULL is given.
    package func isPresent(_ index: Int) -> Bool {
        guard site.arguments.indices.contains(index) else { return false }
        if case .omitted = site.arguments[index].kind { return false }
        return true
    }

    package func value(_ index: Int) -> Value {
        guard site.arguments.indices.contains(index) else { return .null }
        return run.arguments[base + index]
    }

    /// The text of an argument; integers in decimal. nil when it was left out or is NULL.
    package func string(_ index: Int) -> ByteString? { value(index).text }

    /// The integer of an argument. nil when it was left out, is NULL or is text that is no number.
    package func integer(_ index: Int) -> Int? {
        let value = value(index)
        if let number = value.integer { return number }
        if case .string(let text) = value { return text.decimal() }
        return nil
    }

    /// The compiled pattern of an argument. Constants were compiled at start, others are compiled now.
    package func regularExpression(_ index: Int) -> RegularExpression? {
        guard site.arguments.indices.contains(index) else { return nil }
        if let constant = site.arguments[index].pattern { return constant }
        return value(index).text.flatMap { RegularExpression($0) }
    }

    /// The route that an argument names. nil when it was left out or no such route exists.
    package func route(_ index: Int) -> RouteHandle? {
        guard site.arguments.indices.contains(index) else { return nil }
        let argument = site.arguments[index]
        if let constant = argument.route { return constant }
        guard case .routeName(let kind)? = argument.spec?.kind, let name = value(index).text else { return nil }
        return run.process.engine.route(kind, name.string)
    }

    /// All values of a variable that was passed as it is, such as the AVPs of one name; first the one of index 0. Bounded.
    package func values(_ index: Int) -> [Value] {
        guard site.arguments.indices.contains(index) else { return [] }
        guard let variable = site.arguments[index].output else { return isPresent(index) ? [value(index)] : [] }
        if case .host(let definition) = variable.storage, !definition.declaration.isIndexable {
            let value = variable.read(in: run)
            return value.isNull ? [] : [value]
        }
        var values: [Value] = []
        while values.count < AVPStore.valueCountMax {
            let value = variable.read(in: run, at: values.count)
            if value.isNull { break }
            values.append(value)
        }
        return values
    }

    /// Writes to the variable that was passed as an output. False when it was left out or takes no such value.
    @discardableResult
    package func assign(_ index: Int, _ value: Value) -> Bool {
        guard site.arguments.indices.contains(index), let variable = site.arguments[index].output else { return false }
        return variable.write(value, as: .set, in: run)
    }

    /// Replaces all values of an output AVP, or removes them.
    @discardableResult
    package func replaceAll(_ index: Int, _ value: Value) -> Bool {
        guard site.arguments.indices.contains(index), let variable = site.arguments[index].output else { return false }
        return variable.write(value, as: .replaceAll, in: run)
    }

    /// The name of the function as the script calls it.
    package var name: String { site.name }

    package var location: SourceLocation { site.location }

    /// Logs about this call, with the script's file and line.
    package func log(_ level: ScriptLogLevel, _ message: @autoclosure () -> String) {
        run.log(level, message(), at: site.location)
    }
}
