import Profiling

/// Draws a session as nested brackets:
///
/// ```
/// 14:03:07.195210 Start SIP receiver udp:127.0.0.1:5060  [UDP] session 25240
///      0.443 ⎡udp proto reading  handle_io:317
///      0.861 ⎸ ⎡receive_msg  receive_msg:120
///      5.010 ⎸ ⎣receive_msg  4.14 ms  status 0
///      5.547 ⎣reading done  5.10 ms  status 0
///      6.081 End SIP receiver udp:127.0.0.1:5060  6.08 ms  status 0
/// ```
///
/// The column is milliseconds since the outermost session's start.
package struct BracketView: Sendable {
    package var style: TextStyle
    package var utcOffsetSeconds: Int

    package init(style: TextStyle, utcOffsetSeconds: Int = 0) {
        self.style = style
        self.utcOffsetSeconds = utcOffsetSeconds
    }

    /// The lines of a session that lies in no other. What its process did for a script stands where the script asked for it.
    package func lines(_ session: Session) -> [String] {
        var lines: [String] = []
        draw(session.interleaved, inside: "", origin: session.beginNanoseconds, into: &lines)
        return lines
    }

    private func draw(_ session: Session, inside prefix: String, origin: Int64, into lines: inout [String]) {
        let name = style.bold(TextStyle.safe(session.name))
        let time =
            prefix.isEmpty
            ? TextStyle.timeOfDay(session.beginNanoseconds, utcOffsetSeconds: utcOffsetSeconds)
            : TextStyle.offset(session.beginNanoseconds - origin)
        var start = "Start \(name)  " + style.dim("[\(session.kind)] session \(session.id)")
        if let link = session.link {
            start += style.dim(session.producer == .process ? " asked for by \(link)" : " continues \(link)")
        }
        lines.append("\(style.dim(time)) \(prefix)\(start)")
        draw(session.steps, inside: prefix, origin: origin, into: &lines)
        let end = "End \(name)" + result(session.durationNanoseconds, session.status, session.isTruncated)
        lines.append("\(offset(session.endNanoseconds - origin)) \(prefix)\(end)")
    }

    private func draw(_ steps: [Step], inside prefix: String, origin: Int64, into lines: inout [String]) {
        for step in steps {
            switch step {
            case .session(let session): draw(session, inside: prefix, origin: origin, into: &lines)
            case .job(let job):
                let place = job.place.map { "  " + style.dim(TextStyle.safe($0)) } ?? ""
                let begin = offset(job.beginNanoseconds - origin)
                lines.append("\(begin) \(prefix)⎡\(TextStyle.safe(job.name))\(place)")
                draw(job.steps, inside: prefix + "⎸ ", origin: origin, into: &lines)
                let end = result(job.durationNanoseconds, job.status, job.isTruncated)
                lines.append(
                    "\(offset(job.endNanoseconds - origin)) \(prefix)⎣\(TextStyle.safe(job.exitName))\(end)")
            }
        }
    }

    private func offset(_ nanoseconds: Int64) -> String { style.dim(TextStyle.offset(nanoseconds)) }

    private func result(_ nanoseconds: Int64, _ status: Int?, _ isTruncated: Bool) -> String {
        "  " + style.duration(nanoseconds) + (status.map { style.dim("  status \($0)") } ?? "")
            + (isTruncated ? "  " + style.warning("truncated") : "")
    }
}
