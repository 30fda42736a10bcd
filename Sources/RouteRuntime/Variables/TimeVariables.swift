import Bytes
import Glibc
import RouteLanguage

/// `$Ts`, `$Tsm`, `$Tf`, `$TS` and `$time(format)`.
enum TimeVariables {
    static let all: [VariableDefinition] =
        VariableDefinition.readOnly("Ts") { _ in .decimal(now().seconds) }
        + VariableDefinition.readOnly("Tsm") { _ in .decimal(now().microseconds) }
        + VariableDefinition.readOnly("TS") { .decimal($0.run.configuration.startSeconds) }
        + VariableDefinition.readOnly("Tf") { _ in .init(formatted("%a %b %d %H:%M:%S %Y")) }
        + [
            VariableDefinition(VariableDeclaration("time", inner: .required)) { access in
                Value(access.inner.flatMap { formatted($0.string) })
            }
        ]

    static func now() -> (seconds: Int, microseconds: Int) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return (time.tv_sec, time.tv_nsec / 1000)
    }

    /// The local time as `date` formats it; nil when the result is empty or too long.
    private static func formatted(_ format: String) -> ByteString? {
        var seconds = time_t(now().seconds)
        var local = tm()
        guard localtime_r(&seconds, &local) != nil else { return nil }
        var buffer = [CChar](repeating: 0, count: 256)
        let count = strftime(&buffer, buffer.count, format, &local)
        guard count > 0 else { return nil }
        return ByteString(buffer[..<count].map { UInt8(bitPattern: $0) })
    }
}
