/// Turns the syntax trees of a script's routes into one flat program.
///
/// Runs once, on a script without diagnostics. The nesting of trees is bounded by the parser, so native recursion is
/// bounded here; the program that results needs none.
package struct Compiler {
    var program = Program()
    /// Loop slots in use at this point of the route, and the most that were.
    var slotsInUse = 0
    var slotsMax = 0
    /// Of each open loop or switch, the jumps that `break` left to be patched.
    var breaks: [[Int]] = []
    /// Route names to indexes, for the plain routes that `route()` reaches.
    private var plainRoutes: [String: Int] = [:]
    private var currentPosition: Int32 = 0

    package static func compile(_ routes: [RouteDefinition]) -> Program {
        var compiler = Compiler()
        compiler.compile(routes)
        return compiler.program
    }

    private mutating func compile(_ routes: [RouteDefinition]) {
        for (index, route) in routes.enumerated() where route.kind == .request {
            plainRoutes[route.name ?? "0"] = index
        }
        for route in routes {
            slotsInUse = 0
            slotsMax = 0
            let entry = program.code.count
            let location = route.body.first?.location ?? route.location
            at(location)
            emit(.setResult, 1)
            statements(route.body)
            at(route.location)
            emit(.endRoute)
            program.routes.append(
                CompiledRoute(
                    kind: route.kind, name: route.name, entry: entry, slotCount: slotsMax, location: location,
                    intervalSeconds: route.intervalSeconds))
        }
    }

    // MARK: Emitting

    /// Instructions emitted from here on come from that place of the script.
    mutating func at(_ location: SourceLocation) {
        if program.locations.last != location || program.locations.isEmpty {
            program.locations.append(location)
        }
        currentPosition = Int32(program.locations.count - 1)
    }

    mutating func emit(_ opcode: Opcode, _ operands: Int32...) {
        word(opcode.rawValue)
        for operand in operands { word(operand) }
    }

    /// Emits a jump whose target is not known yet and returns where the target goes.
    mutating func emitJump(_ opcode: Opcode, _ operands: Int32...) -> Int {
        word(opcode.rawValue)
        for operand in operands { word(operand) }
        word(-1)
        return program.code.count - 1
    }

    private mutating func word(_ value: Int32) {
        program.code.append(value)
        program.positions.append(currentPosition)
    }

    var here: Int { program.code.count }

    /// Lets a jump land at the next instruction.
    mutating func patch(_ hole: Int) {
        program.code[hole] = Int32(here)
    }

    mutating func patch(_ holes: [Int]) {
        for hole in holes { patch(hole) }
    }

    // MARK: Pools

    mutating func string(_ bytes: [UInt8]) -> Int32 {
        if let known = program.strings.firstIndex(of: bytes) { return Int32(known) }
        program.strings.append(bytes)
        return Int32(program.strings.count - 1)
    }

    mutating func variable(_ variable: Variable) -> Int32 {
        if let known = program.variables.firstIndex(where: { $0 === variable }) { return Int32(known) }
        program.variables.append(variable)
        return Int32(program.variables.count - 1)
    }

    mutating func format(_ format: FormatString) -> Int {
        program.formats.append(format)
        return program.formats.count - 1
    }

    mutating func routeTarget(_ name: RouteName) -> RouteTarget {
        switch name {
        case .constant(let name, _):
            plainRoutes[name].map(RouteTarget.route) ?? .unknown(name)
        case .dynamic(let format):
            .dynamic(self.format(format))
        }
    }
}
