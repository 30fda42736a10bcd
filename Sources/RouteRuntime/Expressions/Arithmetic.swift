import Bytes
import RouteLanguage

/// The arithmetic of the language: 32 bits that wrap, and `+` that concatenates text.
enum Arithmetic {
    enum Failure: Error {
        case kinds
        case divisionByZero
        case textTooLong
    }

    /// nil when the operands do not fit; division by zero is 0 with `isDivisionByZero` set.
    static func apply(
        _ code: Int32, _ left: Value, _ right: Value, textBytesMax: Int
    ) throws(Failure) -> Value {
        if let a = left.integer, let b = right.integer {
            return .integer(Int(try integers(code, Int32(truncatingIfNeeded: a), Int32(truncatingIfNeeded: b))))
        }
        guard code == ArithmeticOperator.add.code, left.integer == nil, right.isText,
            let head = left.text, let tail = right.text
        else { throw .kinds }
        guard head.count + tail.count <= textBytesMax else { throw .textTooLong }
        return .string(head + tail)
    }

    static func integers(_ code: Int32, _ a: Int32, _ b: Int32) throws(Failure) -> Int32 {
        switch ArithmeticOperator(code: code) {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .divide:
            guard b != 0 else { throw .divisionByZero }
            return a.dividedReportingOverflow(by: b).partialValue
        case .modulo:
            guard b != 0 else { throw .divisionByZero }
            return a.remainderReportingOverflow(dividingBy: b).partialValue
        case .bitAnd: return a & b
        case .bitOr: return a | b
        case .bitXor: return a ^ b
        case .shiftLeft: return a &<< b
        case .shiftRight: return a &>> b
        }
    }
}
