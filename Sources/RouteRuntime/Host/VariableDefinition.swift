package import Bytes
package import RouteLanguage

/// What stands in brackets after a variable, evaluated.
package enum VariableIndex: Sendable, Equatable {
    case none
    case at(Int)
    /// `[*]`
    case all
    /// `[append]`
    case append

    /// The index as a number; 0 without one.
    package var number: Int {
        if case .at(let number) = self { number } else { 0 }
    }
}

/// One use of a variable: in which run, and what stands in its parentheses and brackets.
package struct VariableAccess {
    package let run: ScriptRun
    /// The message that it is about: another than the run's for `$(<reply>…)`.
    package let context: MessageContext
    /// What stands in parentheses, nil without them.
    package let inner: ByteString?
    /// What the definition's `prepare` made of `inner`; 0 without one.
    package let token: Int
    package let index: VariableIndex

    package var process: ScriptProcess { run.process }
}

package typealias VariableReader = @Sendable (borrowing VariableAccess) -> Value
/// False when the variable takes no such value; the reason was logged.
package typealias VariableWriter = @Sendable (borrowing VariableAccess, Value, AssignmentKind) -> Bool

/// A variable of the core or of a module, as the interpreter reads and writes it.
package struct VariableDefinition: Sendable {
    package let declaration: VariableDeclaration
    package let read: VariableReader
    package let write: VariableWriter?
    /// Turns what stands in parentheses into a number, so that a use with a constant there need not look it up
    /// each time. Called at start for constants, each time otherwise. nil: not a name that the variable has.
    package let prepare: (@Sendable (ByteString) -> Int?)?

    package init(
        _ declaration: VariableDeclaration, prepare: (@Sendable (ByteString) -> Int?)? = nil,
        read: @escaping VariableReader, write: VariableWriter? = nil
    ) {
        self.declaration = declaration
        self.prepare = prepare
        self.read = read
        self.write = write
    }
}

/// One use of a transformation: its arguments, evaluated when asked for.
package struct TransformationCall {
    package let run: ScriptRun
    let arguments: [BoundFormat]

    package var count: Int { arguments.count }

    /// An argument as text, without the blanks around it. nil when it was not given.
    package func string(_ index: Int) -> ByteString? {
        arguments.indices.contains(index) ? arguments[index].text(in: run).trimmed() : nil
    }

    /// An argument as text, blanks kept.
    package func untrimmed(_ index: Int) -> ByteString? {
        arguments.indices.contains(index) ? arguments[index].text(in: run) : nil
    }

    package func integer(_ index: Int) -> Int? { string(index)?.decimal() }
}

package typealias TransformationFunction = @Sendable (Value, borrowing TransformationCall) -> Value

/// A `{family.name}` as the interpreter applies it.
package struct TransformationDefinition: Sendable {
    package let declaration: TransformationDeclaration
    package let apply: TransformationFunction
    /// What is applied instead where the first argument is a constant: what can be made of it is made at start. nil: it is
    /// nothing that the transformation takes.
    package var prepare: (@Sendable (ByteString) -> TransformationFunction?)?

    package init(_ declaration: TransformationDeclaration, apply: @escaping TransformationFunction) {
        self.declaration = declaration
        self.apply = apply
    }

    package init(
        _ family: String, _ name: String, arguments: ClosedRange<Int> = 0...0, apply: @escaping TransformationFunction
    ) {
        self.init(TransformationDeclaration(family, name, arguments: arguments), apply: apply)
    }
}
