import Bytes
import RouteLanguage
import SIPMessage

/// A variable as written at one place, bound to what answers for it.
final class BoundVariable: Sendable {
    enum Storage: Sendable {
        /// `$var(name)` with a constant name: a slot of the run.
        case script(Int)
        /// `$var(…)` with a name that is known only when it runs.
        case scriptDynamic
        case host(VariableDefinition)
    }

    enum Inner: Sendable {
        case none
        case constant(ByteString, token: Int)
        case dynamic(BoundFormat)
    }

    indirect enum Index: Sendable {
        case fixed(VariableIndex)
        case variable(BoundVariable)
    }

    let name: String
    let location: SourceLocation
    let storage: Storage
    let inner: Inner
    let index: Index
    let context: Variable.ContextPrefix?
    let transformations: [BoundTransformation]
    /// `$si` and nothing more.
    let isSourceAddress: Bool

    init(
        name: String, location: SourceLocation, storage: Storage, inner: Inner, index: Index,
        context: Variable.ContextPrefix?, transformations: [BoundTransformation]
    ) {
        self.name = name
        self.location = location
        self.storage = storage
        self.inner = inner
        self.index = index
        self.context = context
        self.transformations = transformations
        isSourceAddress = (name == "si" || name == "src_ip") && context == nil && transformations.isEmpty
    }

    /// The value as of now, transformed.
    func read(in run: ScriptRun) -> Value {
        if case .script(let slot) = storage, transformations.isEmpty { return run.variables[slot] }
        return transform(base(in: run, index: nil), in: run)
    }

    /// The value at an index other than the written one: a step of a `for` loop.
    func read(in run: ScriptRun, at index: Int) -> Value {
        transform(base(in: run, index: .at(index)), in: run)
    }

    private func transform(_ value: Value, in run: ScriptRun) -> Value {
        var value = value
        var index = 0
        while index < transformations.count {
            value = transformations[index].apply(value, in: run)
            index += 1
        }
        return value
    }

    private func base(in run: ScriptRun, index override: VariableIndex?) -> Value {
        switch storage {
        case .script(let slot):
            return override.map { $0.number == 0 } ?? true ? run.variables[slot] : .null
        case .scriptDynamic:
            guard case .dynamic(let format) = inner else { return .null }
            return run.scriptVariable(format.text(in: run))
        case .host(let definition):
            guard let context = messageContext(in: run) else { return .null }
            switch inner {
            case .none:
                return definition.read(access(run, context, nil, 0, override))
            case .constant(let text, let token):
                return definition.read(access(run, context, text, token, override))
            case .dynamic(let format):
                let text = format.text(in: run)
                guard let token = definition.prepare.map({ $0(text) }) ?? 0 else { return .null }
                return definition.read(access(run, context, text, token, override))
            }
        }
    }

    private func access(
        _ run: ScriptRun, _ context: MessageContext, _ inner: ByteString?, _ token: Int, _ override: VariableIndex?
    ) -> VariableAccess {
        VariableAccess(
            run: run, context: context, inner: inner, token: token, index: override ?? evaluatedIndex(in: run))
    }

    private func evaluatedIndex(in run: ScriptRun) -> VariableIndex {
        switch index {
        case .fixed(let index): return index
        case .variable(let variable):
            let value = variable.read(in: run)
            if let number = value.integer { return .at(number) }
            return .at(value.text?.decimal() ?? Int.max)
        }
    }

    /// The message that a `<request>` or `<reply>` prefix asks for; nil when there is none.
    private func messageContext(in run: ScriptRun) -> MessageContext? {
        switch context {
        case nil: run.context
        case .request: run.context.request ?? (run.context.message.isRequest ? run.context : nil)
        case .reply: run.context.message.isRequest ? run.context.replyContext : run.context
        }
    }

    /// Writes. False when the variable takes no such value; the reason was logged.
    func write(_ value: Value, as kind: AssignmentKind, in run: ScriptRun) -> Bool {
        switch storage {
        case .script(let slot):
            run.variables[slot] = value
            run.hasVariables = true
            return true
        case .scriptDynamic:
            guard case .dynamic(let format) = inner else { return false }
            return run.setScriptVariable(format.text(in: run), value)
        case .host(let definition):
            guard let write = definition.write, let context = messageContext(in: run) else {
                run.log(.error, "$\(name) cannot be written", at: location)
                return false
            }
            var text: ByteString?
            var token = 0
            switch inner {
            case .none: break
            case .constant(let constant, let prepared): (text, token) = (constant, prepared)
            case .dynamic(let format):
                let evaluated = format.text(in: run)
                guard let prepared = definition.prepare.map({ $0(evaluated) }) ?? 0 else {
                    run.log(.error, "$\(name) has no \(evaluated)", at: location)
                    return false
                }
                (text, token) = (evaluated, prepared)
            }
            return write(access(run, context, text, token, nil), value, kind)
        }
    }
}

/// A transformation at one place: what applies it, and its arguments.
final class BoundTransformation: Sendable {
    private let function: TransformationFunction
    private let arguments: [BoundFormat]

    init(function: @escaping TransformationFunction, arguments: [BoundFormat]) {
        self.function = function
        self.arguments = arguments
    }

    func apply(_ value: Value, in run: ScriptRun) -> Value {
        function(value, TransformationCall(run: run, arguments: arguments))
    }
}
