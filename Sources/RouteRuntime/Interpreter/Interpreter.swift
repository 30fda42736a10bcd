import Bytes
import RouteLanguage

extension ScriptRun {
    /// Why the interpreter stopped.
    enum Exit {
        case ended(ScriptResult)
        case suspended
        case nested(ScriptRun)
    }

    /// Runs instructions until the run ends, waits, or needs another route first.
    ///
    /// Budget: no allocation, lock or system call for integers, comparisons with constants, jumps and calls with
    /// constant arguments. Text is made only where the script asks for it.
    func execute() -> Exit {
        if let outcome = pending {
            pending = nil
            if let exit = apply(outcome) { return exit }
        }
        let code = process.engine.code
        let stepsMax = configuration.stepsMax
        while true {
            steps &+= 1
            if steps > stepsMax {
                log(.critical, "the script was stopped after \(stepsMax) steps")
                return stop(code: -1)
            }
            let at = code + counter
            // The compiler emits only these; `ScriptEngine` puts an `exit` behind the last word.
            let opcode = Opcode(rawValue: at[0]) ?? .exit
            if let exit = opcode.rawValue <= Opcode.testVariable.rawValue ? nil : statement(opcode, at) { return exit }
            if opcode.rawValue <= Opcode.testVariable.rawValue { expression(opcode, at) }
        }
    }

    /// Values, conditions and jumps: these never leave the interpreter.
    @inline(__always)
    private func expression(_ opcode: Opcode, _ at: UnsafePointer<Int32>) {
        switch opcode {
        case .jump: counter = Int(at[1])
        case .jumpIfTrue: counter = condition > 0 ? Int(at[1]) : counter + 2
        case .jumpUnlessTrue: counter = condition > 0 ? counter + 2 : Int(at[1])
        case .not:
            if condition >= 0 { condition = 1 - condition }
            counter += 1
        case .pushInteger: push(.integer(Int(at[1])), words: 2)
        case .pushString: push(.string(bound.strings[Int(at[1])]), words: 2)
        case .pushNull: push(.null, words: 1)
        case .pushVariable: push(bound.variables[Int(at[1])].read(in: self), words: 2)
        case .pushCondition:
            if condition < 0 { hasFailed = true }
            push(.integer(condition > 0 ? 1 : 0), words: 1)
        case .pushResult: push(.integer(Int(result)), words: 1)
        case .arithmetic: arithmetic(at[1])
        case .complement: complement()
        case .compare: compareTop(at[1])
        case .compareInteger:
            decide(compare(bound.variables[Int(at[1])], at[2], integer: Int(at[3])), words: 4, at[2])
        case .compareString:
            let value = bound.variables[Int(at[1])].read(in: self)
            decide(
                Comparison.compare(value, .string(bound.strings[Int(at[3])]), at[2]), words: 4, at[2], value, "a string"
            )
        case .compareNull:
            decide(Comparison.null(bound.variables[Int(at[1])].read(in: self).isNull, at[2]), words: 3, at[2])
        case .compareNetwork: compareNetwork(bound.variables[Int(at[1])], at[2], bound.networks[Int(at[3])])
        case .matchPattern:
            let value = bound.variables[Int(at[1])].read(in: self)
            decide(Comparison.match(value, bound.patterns[Int(at[3])], at[2]), words: 4, at[2], value, "a string")
        case .matchDynamic: matchTop(at[1])
        case .test: testTop()
        case .testVariable:
            condition = Comparison.test(bound.variables[Int(at[1])].read(in: self))
            counter += 2
        default: counter += 1
        }
    }

    @inline(__always)
    private func push(_ value: Value, words: Int) {
        stack.append(value)
        counter += words
    }

    private func compare(_ variable: BoundVariable, _ code: Int32, integer: Int) -> Int32 {
        let value = variable.read(in: self)
        if let number = value.integer { return Comparison.integers(number, integer, code) }
        if value.isNull { return Comparison.null(false, code) }
        warnKinds(code, Comparison.kindName(value), "an integer")
        return Truth.error
    }

    /// The source address needs no text to be compared.
    private func compareNetwork(_ variable: BoundVariable, _ code: Int32, _ network: BoundNetwork) {
        if variable.isSourceAddress {
            decide(Comparison.network(context.source, network, code), words: 4, code)
        } else {
            decide(Comparison.network(variable.read(in: self), network, code), words: 4, code)
        }
    }

    private func decide(_ truth: Int32, words: Int, _ code: Int32) {
        condition = truth
        counter += words
    }

    private func decide(_ truth: Int32, words: Int, _ code: Int32, _ left: Value, _ right: String) {
        if truth < 0 { warnKinds(code, Comparison.kindName(left), right) }
        condition = truth
        counter += words
    }

    private func warnKinds(_ code: Int32, _ left: String, _ right: String) {
        log(
            .warning,
            "invalid \(ComparisonOperator(code: code).rawValue) operation: left is \(left), right is \(right)")
    }

    /// Whether the expression just evaluated failed; forgets it.
    func takeFailure() -> Bool {
        let failed = hasFailed
        hasFailed = false
        return failed
    }

    private func arithmetic(_ code: Int32) {
        let right = stack.removeLast()
        let left = stack.removeLast()
        do throws(Arithmetic.Failure) {
            stack.append(try Arithmetic.apply(code, left, right, textBytesMax: configuration.textBytesMax))
        } catch {
            switch error {
            case .divisionByZero:
                log(.error, "division by zero")
                stack.append(.integer(0))
            case .kinds:
                let sign = ArithmeticOperator(code: code).rawValue
                let (a, b) = (Comparison.kindName(left), Comparison.kindName(right))
                log(.warning, "invalid \(sign) operation: left is \(a), right is \(b)")
                hasFailed = true
                stack.append(.null)
            case .textTooLong:
                log(.error, "the text would be longer than \(configuration.textBytesMax) bytes")
                hasFailed = true
                stack.append(.null)
            }
        }
        counter += 2
    }

    private func complement() {
        let operand = stack.removeLast()
        if let number = operand.integer {
            stack.append(.integer(Int(~Int32(truncatingIfNeeded: number))))
        } else {
            log(.warning, "invalid ~ operation: the operand is \(Comparison.kindName(operand))")
            hasFailed = true
            stack.append(.null)
        }
        counter += 1
    }

    private func compareTop(_ code: Int32) {
        let right = stack.removeLast()
        let left = stack.removeLast()
        let truth = takeFailure() ? Truth.error : Comparison.compare(left, right, code)
        decide(truth, words: 2, code, left, Comparison.kindName(right))
    }

    private func matchTop(_ code: Int32) {
        let right = stack.removeLast()
        let left = stack.removeLast()
        counter += 2
        guard !takeFailure() else {
            condition = Truth.error
            return
        }
        if left.isNull || right.isNull {
            condition = Comparison.null(left.isNull && right.isNull, code)
            return
        }
        guard right.isText, let text = right.text, let pattern = RegularExpression(text) else {
            log(.error, "the right side of \(ComparisonOperator(code: code).rawValue) is no regular expression")
            condition = Truth.error
            return
        }
        condition = Comparison.match(left, pattern, code)
    }

    private func testTop() {
        let value = stack.removeLast()
        condition = takeFailure() ? Truth.error : Comparison.test(value)
        counter += 1
    }
}
