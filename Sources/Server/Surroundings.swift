import Glibc
import Logging

/// What a start changes about the process's surroundings: directories, limits.
enum Surroundings {
    static func apply(_ settings: GlobalSettings, logger: Logger) throws(ConfigurationError) {
        signal(SIGPIPE, SIG_IGN)
        if settings.disablesCoreDump {
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        }
        if let limit = settings.openFilesLimit { raiseOpenFiles(to: limit, logger: logger) }
        if let root = settings.rootDirectory, chroot(root) != 0 {
            throw ConfigurationError("chroot \(root): \(String(cString: strerror(errno)))")
        }
        if let directory = settings.workingDirectory, chdir(directory) != 0 {
            throw ConfigurationError("working directory \(directory): \(String(cString: strerror(errno)))")
        }
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
