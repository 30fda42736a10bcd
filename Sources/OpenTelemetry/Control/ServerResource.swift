import Glibc

extension Resource {
    /// What the server and its machine are, with what the settings say in front: keys that they set are not set again.
    package static func server(_ settings: TracingSettings, version: String) -> Resource {
        var resource = Resource(attributes: settings.resource)
        func add(_ key: String, _ value: AttributeValue) {
            if !resource.attributes.contains(where: { $0.key == key }) {
                resource.attributes.append(Attribute(key, value))
            }
        }
        add("service.version", .string(version))
        add("service.instance.id", .string(instanceID()))
        var system = utsname()
        uname(&system)
        add("host.name", .string(text(system.nodename)))
        add("process.pid", .int(Int64(getpid())))
        add("process.executable.name", .string(executable()))
        add("os.type", "linux")
        add("os.name", .string(text(system.sysname)))
        add("os.version", .string(text(system.release)))
        add("telemetry.sdk.name", "sipray")
        add("telemetry.sdk.language", "swift")
        add("telemetry.sdk.version", .string(version))
        return resource
    }

    /// A random UUID (RFC 9562 §5.4), another one at each start.
    private static func instanceID() -> String {
        let high = UInt64.random(in: 0 ... .max) & ~0xF000 | 0x4000
        let low = UInt64.random(in: 0 ... .max) & ~(3 << 62) | 2 << 62
        let digits = TraceID(high: high, low: low).hexadecimal
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private static func executable() -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return "sipray" }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").last.map(String.init) ?? "sipray"
    }

    /// A C array of characters as text.
    private static func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
