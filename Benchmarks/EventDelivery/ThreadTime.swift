import Glibc

/// Nanoseconds that the kernel task of that name has been on a processor.
func threadNanoseconds(_ name: String) -> Int {
    guard let directory = opendir("/proc/self/task") else { return 0 }
    defer { closedir(directory) }
    var total = 0
    while let entry = readdir(directory) {
        let task = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard Int(task) != nil, contents("/proc/self/task/\(task)/comm") == name + "\n" else { continue }
        let words = contents("/proc/self/task/\(task)/schedstat").split(separator: " ")
        total += words.first.flatMap { Int($0) } ?? 0
    }
    return total
}

private func contents(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}
