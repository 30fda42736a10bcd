import Glibc
import Testing

@testable import ProfileAnalysis

/// What a real OpenSIPS 4 sent (Tests/Fixtures/captures/README.md).
enum Capture: String, CaseIterable, Sendable {
    case call0 = "L0_c_call"
    case options = "L1_a_options"
    case register = "L1_b_register"
    case call1 = "L1_c_call"
    case async = "L1_f_async"
    case b2b = "L1_g_b2b_tophiding"
    case datagram = "L2_d2_mi_dgram"
    case http = "L2_d3_mi_http"
    case fifo = "L2_d_mi_fifo"
    case timers = "L3_e_timers_idle"

    /// Its lines, without their ends.
    func lines() throws -> [[UInt8]] {
        let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        return try readLines("/\(folder)/Fixtures/captures/\(rawValue).jsonl")
    }

    func records() throws -> [TraceRecord] { try lines().compactMap { TraceRecord(event: $0) } }
}

/// The lines of a file.
func readLines(_ path: String) throws -> [[UInt8]] {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var byte = getc(file)
    while byte != EOF {
        bytes.append(UInt8(truncatingIfNeeded: byte))
        byte = getc(file)
    }
    return bytes.split(separator: UInt8(ascii: "\n")).map(Array.init)
}

/// A tree in short: `worker(reading(job)relay<1>(sanity))`, sessions with their kind.
func outline(_ session: Session) -> String {
    "\(session.name)[\(session.kind)]\(session.isTruncated ? "!" : "")" + outline(session.steps)
}

private func outline(_ steps: [Step]) -> String {
    guard !steps.isEmpty else { return "" }
    let inner = steps.map { step in
        switch step {
        case .session(let session): outline(session)
        case .job(let job): job.name + (job.isTruncated ? "!" : "") + outline(job.steps)
        }
    }
    return "(" + inner.joined(separator: " ") + ")"
}
