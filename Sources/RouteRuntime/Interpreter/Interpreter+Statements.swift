import Bytes
import Profiling
import RouteLanguage
import SIPMessage

extension ScriptRun {
    /// Statements. nil: go on with the next instruction.
    func statement(_ opcode: Opcode, _ at: UnsafePointer<Int32>) -> Exit? {
        switch opcode {
        case .conditionFromResult:
            condition = result > 0 ? 1 : 0
            counter += 1
        case .assign: assign(bound.variables[Int(at[1])], at[2])
        case .call: return call(Int(at[1]))
        case .callRoute: callRoute(bound.routeCalls[Int(at[1])])
        case .returnValues: return returnValues(Int(at[1]))
        case .endRoute: return endRoute()
        case .exit: return stop(code: 0)
        case .drop:
            isDropped = true
            return stop(code: 0)
        case .setResult:
            result = at[1]
            counter += 2
        case .loopBegin:
            slots[topSlot(at[1])] = 0
            counter += 2
        case .loopStep: loopStep(topSlot(at[1]), limitTarget: Int(at[2]))
        case .forNext: forNext(at)
        case .switchOver: switchOver(bound.switches[Int(at[1])])
        case .log:
            let level = ScriptLogLevel(clamping: Int(at[1]))
            if level.rawValue <= process.logLevel {
                configuration.output(level, bound.strings[Int(at[2])].trimmedEnd.string)
            }
            finish(words: 3)
        case .xlog:
            xlog(bound.program.logStatements[Int(at[1])])
            finish(words: 2)
        case .skipUnlessAsserting: counter = configuration.assertsEnabled ? counter + 2 : Int(at[1])
        case .assert: return assert(at[1])
        case .error:
            log(.error, "\(bound.strings[Int(at[1])]) \(bound.strings[Int(at[2])])")
            finish(words: 3)
        case .async: return async(Int(at[1]))
        case .launch: launch(Int(at[1]))
        default: counter += 1
        }
        return nil
    }

    /// A statement that always succeeds.
    private func finish(words: Int) {
        result = 1
        counter += words
    }

    private func topSlot(_ slot: Int32) -> Int { frames[frames.count - 1].slotBase + Int(slot) }

    // MARK: Assignments and calls

    private func assign(_ variable: BoundVariable, _ code: Int32) {
        let value = stack.removeLast()
        if takeFailure() {
            log(.warning, "$\(variable.name) was not assigned: its new value has an error")
            result = -1
        } else {
            result = variable.write(value, as: AssignmentKind(rawValue: code) ?? .set, in: self) ? 1 : -1
        }
        counter += 3
    }

    private func call(_ index: Int) -> Exit? {
        let call = bound.calls[index]
        if trace != nil { traceCall(call) }
        let base = arguments.count
        guard evaluate(call, into: self) else {
            arguments.shrink(to: base)
            (result, returnCode) = (-1, -1)
            counter += 2
            return nil
        }
        counter += 2
        return callHost(call, base: base, purpose: .statement)
    }

    /// Pushes a call's arguments onto those of the run that makes it. False when one that is needed has no fitting value;
    /// it was logged.
    func evaluate(_ call: BoundCall, into run: ScriptRun) -> Bool {
        // Index loops here and below: iterating over a copy of each element costs retains on the hot path.
        var index = 0
        while index < call.arguments.count {
            let value = call.arguments[index].value(in: self)
            run.arguments.append(value)
            if let problem = call.arguments[index].mismatch(value) {
                log(.error, "\(call.name)(): \(problem)", at: call.location)
                return false
            }
            index += 1
        }
        return true
    }

    private func callRoute(_ call: BoundRouteCall) {
        let target: Int?
        switch call.target {
        case .route(let index): target = index
        case .unknown(let name):
            log(.error, "route \"\(name)\" does not exist")
            target = nil
        case .dynamic(let format):
            let name = format.text(in: self)
            target = process.engine.route(.request, name.string)?.index
            if target == nil { log(.error, "route \"\(name)\" does not exist") }
        }
        let isTooDeep = outerDepth + frames.count > configuration.routeDepthMax
        if isTooDeep { log(.error, "more than \(configuration.routeDepthMax) nested calls of route()") }
        guard let target, !isTooDeep else {
            (result, returnCode) = (-1, -1)
            counter += 2
            return
        }
        var index = 0
        while index < call.arguments.count {
            switch call.arguments[index] {
            case .constant(let value): parameters.append(value)
            case .variable(let variable): parameters.append(variable.read(in: self))
            }
            index += 1
        }
        returned.removeAll(keepingCapacity: true)
        push(
            route: target, returnTo: counter + 2, parameterCount: call.arguments.count,
            site: call.sites[target] ?? bound.routes[target].enterSite)
    }

    // MARK: Ends

    /// `return(code, values…)`: the values lie on the stack.
    private func returnValues(_ count: Int) -> Exit? {
        guard count > 0 else { return leaveRoute(1) }
        let first = stack.count - count
        let code: Int32 =
            switch stack[first] {
            case .null: -1
            case .integer(let number), .decimal(let number), .both(_, let number): Int32(truncatingIfNeeded: number)
            case .string: 1
            }
        hasFailed = false
        returned.removeAll(keepingCapacity: true)
        for index in (first + 1)..<stack.count { returned.append(stack[index]) }
        stack.shrink(to: first)
        return leaveRoute(code)
    }

    /// The route ends without `return`. A last result of 0 is a number that a function gave (`Outcome.number`), since any
    /// other 0 has stopped the script already: the route is done like any other, and `$rc` keeps the number.
    private func endRoute() -> Exit? {
        guard result == 0 else { return leaveRoute(result) }
        let exit = leaveRoute(1)
        if exit == nil { returnCode = 0 }
        return exit
    }

    /// The route returns. 0 stops the whole script.
    private func leaveRoute(_ code: Int32) -> Exit? {
        guard code != 0, frames.count > 1 else { return stop(code: code) }
        pop(status: code)
        result = code
        returnCode = code
        return nil
    }

    /// The script ends.
    func stop(code: Int32) -> Exit {
        while !frames.isEmpty { pop(status: code) }
        endSession(status: code)
        checkThreshold()
        return .ended(ScriptResult(code: code, isDropped: isDropped))
    }

    private func checkThreshold() {
        let threshold = configuration.execThresholdMicroseconds
        guard threshold > 0 else { return }
        let taken = (Self.now() - startedNanoseconds) / 1000
        guard taken > threshold else { return }
        let report = ThresholdReport(
            routeName: startedRouteName, message: context.message, microseconds: taken,
            slowest: slowest.report(in: bound))
        configuration.onThreshold?(report)
    }

    // MARK: Loops

    private func loopStep(_ slot: Int, limitTarget: Int) {
        slots[slot] += 1
        if slots[slot] > configuration.whileLoopsMax {
            log(.error, "a while loop was cut off after \(configuration.whileLoopsMax) rounds (max_while_loops)")
            counter = limitTarget
        } else {
            counter += 3
        }
    }

    private func forNext(_ at: UnsafePointer<Int32>) {
        let slot = topSlot(at[1])
        let value = bound.variables[Int(at[3])].read(in: self, at: slots[slot])
        slots[slot] += 1
        if value.isNull {
            counter = Int(at[4])
        } else {
            _ = bound.variables[Int(at[2])].write(value, as: .update, in: self)
            counter += 5
        }
    }

    private func switchOver(_ table: BoundSwitch) {
        let value = table.subject.read(in: self)
        result = 1
        var index = 0
        while index < table.entries.count {
            let isMatch =
                switch table.entries[index].constant {
                case .number(let number): value.integer == number
                case .text(let text): value.isText && value.text?.equalsIgnoringCase(text) == true
                case .null: value.isNull
                }
            if isMatch {
                counter = table.entries[index].target
                return
            }
            index += 1
        }
        counter = table.defaultTarget
    }
}
