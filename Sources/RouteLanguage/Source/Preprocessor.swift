import Glibc

/// The external command of `-p`: the script with its includes goes to its standard input, what it prints is the script.
package enum Preprocessor {
    /// Runs `command` with `/bin/sh` and waits for it. The input goes through a file that only its owner can read.
    ///
    /// - Returns: what it printed, or why it failed, as a person reads it.
    package static func run(_ command: String, input: [UInt8], limit: Int) -> Result<[UInt8], PreprocessorError> {
        var path = Array("/tmp/sipray-preprocess-XXXXXX".utf8CString)
        let descriptor = unsafe path.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return -1 }
            return unsafe mkstemp(start)
        }
        guard descriptor >= 0 else { return .failure(PreprocessorError(text: "cannot make a temporary file in /tmp")) }
        let file = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = unsafe unlink(file) }
        var written = 0
        while written < input.count {
            let count = unsafe input[written...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        close(descriptor)
        guard written == input.count else {
            return .failure(PreprocessorError(text: "cannot write a temporary file in /tmp"))
        }
        return read("exec < \(file)\n\(command)", limit: limit)
    }

    private static func read(_ command: String, limit: Int) -> Result<[UInt8], PreprocessorError> {
        guard let stream = unsafe popen(command, "re") else {
            return .failure(PreprocessorError(text: "cannot start /bin/sh"))
        }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while output.count <= limit {
            let capacity = chunk.count
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, capacity, stream) }
            if count == 0 { break }
            output += chunk[0..<count]
        }
        let status = unsafe pclose(stream)
        if output.count > limit { return .failure(PreprocessorError(text: "it printed more than \(limit) bytes")) }
        // The upper byte is the exit status, the lower seven bits a signal.
        if status & 0x7F != 0 { return .failure(PreprocessorError(text: "it was ended by signal \(status & 0x7F)")) }
        guard status >> 8 == 0 else { return .failure(PreprocessorError(text: "it ended with status \(status >> 8)")) }
        return .success(output)
    }
}

/// Why a preprocessor gave no script.
package struct PreprocessorError: Error, Hashable, Sendable {
    package var text: String
}
