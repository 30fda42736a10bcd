extension Compiler {
    mutating func statements(_ list: [Statement]) {
        for item in list { statement(item) }
    }

    mutating func statement(_ statement: Statement) {
        at(statement.location)
        switch statement.kind {
        case .command(let command): self.command(command)
        case .assignment(let assignment): self.assignment(assignment)
        case .conditional(let conditional): self.conditional(conditional)
        case .whileLoop(let condition, let body): whileLoop(condition, body, at: statement.location)
        case .forEach(let iterator, let source, let body): forEach(iterator, source, body)
        case .switchOver(let table): switchOver(table)
        case .breakLoop:
            let hole = emitJump(.jump)
            if breaks.isEmpty {
                patch(hole)  // The parser refuses a break outside of a loop.
            } else {
                breaks[breaks.count - 1].append(hole)
            }
        case .block(let body): statements(body)
        }
    }

    /// Evaluates the right side, then writes. `x += v` reads `x` first.
    mutating func assignment(_ assignment: Assignment) {
        let target = variable(assignment.target)
        var kind = AssignmentKind.set
        if let arithmetic = assignment.assignmentOperator.arithmetic {
            at(assignment.location)
            emit(.pushVariable, target)
            value(assignment.value)
            at(assignment.location)
            emit(.arithmetic, arithmetic.code)
            kind = .update
        } else {
            value(assignment.value)
            kind = assignment.assignmentOperator == .replaceAll ? .replaceAll : .set
        }
        at(assignment.location)
        emit(.assign, target, kind.rawValue)
    }

    private mutating func conditional(_ conditional: ConditionalStatement) {
        var ends: [Int] = []
        for branch in conditional.branches {
            at(branch.location)
            condition(branch.condition)
            let next = emitJump(.jumpUnlessTrue)
            emit(.setResult, 1)
            statements(branch.body)
            ends.append(emitJump(.jump))
            patch(next)
        }
        emit(.setResult, 1)
        if let otherwise = conditional.otherwise { statements(otherwise) }
        patch(ends)
    }

    private mutating func takeSlot() -> Int32 {
        slotsInUse += 1
        slotsMax = max(slotsMax, slotsInUse)
        return Int32(slotsInUse - 1)
    }

    private mutating func whileLoop(_ test: Expression, _ body: [Statement], at location: SourceLocation) {
        let slot = takeSlot()
        emit(.loopBegin, slot)
        emit(.setResult, 1)
        let top = here
        condition(test)
        at(location)
        let end = emitJump(.jumpUnlessTrue)
        let limit = emitJump(.loopStep, slot)
        breaks.append([])
        statements(body)
        at(location)
        emit(.jump, Int32(top))
        patch(end)
        patch(limit)
        patch(breaks.removeLast())
        slotsInUse -= 1
    }

    private mutating func forEach(_ iterator: Variable, _ source: Variable, _ body: [Statement]) {
        let slot = takeSlot()
        emit(.loopBegin, slot)
        emit(.setResult, 1)
        let top = here
        let end = emitJump(.forNext, slot, variable(iterator), variable(source))
        breaks.append([])
        statements(body)
        emit(.jump, Int32(top))
        patch(end)
        patch(breaks.removeLast())
        slotsInUse -= 1
    }

    private mutating func switchOver(_ statement: SwitchStatement) {
        let index = program.switches.count
        program.switches.append(
            SwitchTable(subject: Int(variable(statement.subject)), entries: [], defaultTarget: 0))
        emit(.switchOver, Int32(index))
        breaks.append([])
        var entries: [SwitchTable.Entry] = []
        for item in statement.cases {
            entries.append(SwitchTable.Entry(constant: item.constant, target: here))
            at(item.location)
            statements(item.body)
        }
        let defaultTarget = here
        if let body = statement.defaultBody { statements(body) }
        patch(breaks.removeLast())
        program.switches[index].entries = entries
        program.switches[index].defaultTarget = defaultTarget
    }

    mutating func command(_ command: Command) {
        at(command.location)
        switch command.kind {
        case .function(let call):
            program.calls.append(call)
            emit(.call, Int32(program.calls.count - 1))
        case .route(let name, let arguments):
            program.routeCalls.append(
                RouteCall(target: routeTarget(name), arguments: arguments, location: command.location))
            emit(.callRoute, Int32(program.routeCalls.count - 1))
        case .exit: emit(.exit)
        case .drop: emit(.drop)
        case .returnValues(let values):
            for item in values { value(item) }
            at(command.location)
            emit(.returnValues, Int32(values.count))
        case .assert(let test, let message):
            let skip = emitJump(.skipUnlessAsserting)
            condition(test)
            at(command.location)
            emit(.assert, message.map { Int32(format($0)) } ?? -1)
            patch(skip)
        case .log(let level, let text):
            emit(.log, Int32(clamping: level), string(text))
        case .error(let first, let second):
            emit(.error, string(first), string(second))
        case .xlog(let level, let text):
            let level: LogStatement.Level? =
                switch level {
                case nil: nil
                case .constant(let number): .constant(number)
                case .variable(let variable): .variable(Int(self.variable(variable)))
                }
            logStatement(LogStatement(level: level, format: format(text)))
        case .xdbg(let text):
            logStatement(LogStatement(level: .constant(4), format: format(text)))
        case .async(let call, let resume, let timeout):
            program.calls.append(call)
            program.asyncStatements.append(
                AsyncStatement(call: program.calls.count - 1, resume: routeTarget(resume), timeout: timeout))
            emit(.async, Int32(program.asyncStatements.count - 1))
        case .launch(let call, let report, let parameter):
            program.calls.append(call)
            program.launchStatements.append(
                LaunchStatement(
                    call: program.calls.count - 1, report: report.map { routeTarget($0) },
                    parameter: parameter.map { format($0) }))
            emit(.launch, Int32(program.launchStatements.count - 1))
        }
    }

    private mutating func logStatement(_ statement: LogStatement) {
        program.logStatements.append(statement)
        emit(.xlog, Int32(program.logStatements.count - 1))
    }
}
