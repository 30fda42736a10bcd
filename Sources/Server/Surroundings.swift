import Glibc
import Logging

/// What a start changes about the process's surroundings: directories, limits, the pid file.
enum Surroundings {
    static func apply(_ settings: GlobalSettings, _ options: StartOptions, logger: Logger) throws(ConfigurationError) {
        signal(SIGPIPE, SIG_IGN)
        if settings.disablesCoreDump {
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        }
        if let limit = settings.openFilesLimit { raiseOpenFiles(to: limit, logger: logger) }
        if let file = options.pidFile { try writePID(file) }
        if let root = settings.rootDirectory, chroot(root) != 0 {
            throw ConfigurationError("chroot \(root): \(String(cString: strerror(errno)))")
        }
        if let directory = settings.workingDirectory, chdir(directory) != 0 {
            throw ConfigurationError("working directory \(directory): \(String(cString: strerror(errno)))")
        }
    }

    /// Removes what `apply` left behind.
    static func withdraw(_ options: StartOptions) {
        if let file = options.pidFile { unlink(file) }
    }

    private static func writePID(_ path: String) throws(ConfigurationError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw ConfigurationError("pid file \(path): \(String(cString: strerror(errno)))") }
        let text = Array("\(getpid())\n".utf8)
        let written = text.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        close(file)
        guard written == text.count else { throw ConfigurationError("pid file \(path): could not be written") }
    }

    private static func raiseOpenFiles(to limit: Int, logger: Logger) {
        var present = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &present)
        guard rlim_t(limit) > present.rlim_cur else { return }
        present.rlim_cur = rlim_t(limit)
        present.rlim_max = max(present.rlim_max, rlim_t(limit))
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &present) != 0 {
            logger.warning("open_files_limit \(limit): \(String(cString: strerror(errno)))")
        }
    }
}
