import Bytes
import RouteLanguage

/// A format string bound: literals and variables, ready to be printed.
final class BoundFormat: Sendable {
    enum Part: Sendable {
        case literal(ByteString)
        case variable(BoundVariable)
    }

    let parts: [Part]
    /// The whole text when nothing in it is a variable. Printing it costs nothing.
    let constant: ByteString?

    init(parts: [Part]) {
        self.parts = parts
        switch parts.count {
        case 0: constant = .empty
        case 1: if case .literal(let text) = parts[0] { constant = text } else { constant = nil }
        default: constant = nil
        }
    }

    /// The text as of now. NULL prints as `<null>`.
    func text(in run: ScriptRun) -> ByteString {
        if let constant { return constant }
        if parts.count == 1, case .variable(let variable) = parts[0] { return variable.read(in: run).printed }
        var writer = ByteWriter(reserving: 128)
        for part in parts {
            switch part {
            case .literal(let text): writer.append(text)
            case .variable(let variable): Self.append(variable.read(in: run), to: &writer)
            }
            if writer.count > run.configuration.textBytesMax {
                run.log(.error, "a text is longer than \(run.configuration.textBytesMax) bytes and was cut")
                break
            }
        }
        return writer.finishText()
    }

    private static func append(_ value: Value, to writer: inout ByteWriter) {
        switch value {
        case .null: writer.append("<null>")
        case .string(let text), .both(let text, _): writer.append(text)
        case .integer(let number), .decimal(let number): writer.append(decimal: number)
        }
    }

    /// As an argument of a call: a lone variable keeps its kind and its NULL.
    func value(in run: ScriptRun) -> Value {
        if let constant { return .string(constant) }
        if parts.count == 1, case .variable(let variable) = parts[0] { return variable.read(in: run) }
        return .string(text(in: run))
    }
}
