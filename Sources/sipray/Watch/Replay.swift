import Glibc
import ProfileAnalysis

/// Draws events that were recorded, one JSON-RPC notification a line.
struct Replay {
    let file: String

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func run(_ view: inout LiveView, quiet: Bool, _ output: Output) throws {
        guard let stream = file == "-" ? fdopen(STDIN_FILENO, "r") : fopen(file, "r") else {
            throw Failure(description: "\(file): \(String(cString: strerror(errno)))")
        }
        defer { fclose(stream) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while !Interruption.isRequested, !output.isGone {
            let count = getline(&line, &capacity, stream)
            guard count >= 0, let line else { break }
            let bytes = line.withMemoryRebound(to: UInt8.self, capacity: count) {
                Array(UnsafeBufferPointer(start: $0, count: count))
            }
            guard bytes.contains(where: { $0 > UInt8(ascii: " ") }) else { continue }
            let lines = view.receive(bytes)
            if !quiet { output.write(lines) }
        }
        let rest = view.finish()
        if !quiet { output.write(rest) }
        if view.records == 0 { throw Failure(description: "\(file) holds no profiling event") }
    }
}
