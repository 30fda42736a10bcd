import CPlatform
import Glibc
import Logging
import Reactor
import RouteLanguage
import Synchronization

/// `sipray serve` without its command line: from the script's path to the exit status.
package enum ServerProgram {
    /// How long the processes may take to end before the program ends without them.
    static let stopSecondsMax: UInt32 = 4

    /// The attendant's reactor while a server runs: ends the server when it is stopped.
    private static let attendant = Mutex<ReactorProcess?>(nil)

    /// Reads, checks and runs a script until a signal or `kill`. The exit status: 0, or 1 when it was refused.
    package static func run(_ options: StartOptions) -> Int32 {
        guard let script = accept(options) else { return 1 }
        let pidFile = options.pidFile.map { PIDFile(path: $0) }
        do throws(ConfigurationError) {
            let server = try ServerInstance(script: script, options: options)
            try Surroundings.apply(server.settings, logger: server.logger)
            let signals = try SignalWatch(on: server.attendant, logger: server.logger)
            // Before the start: management may ask for the end as soon as it is there.
            attendant.withLock { $0 = server.attendant }
            defer { attendant.withLock { $0 = nil } }
            try server.start { () throws(ConfigurationError) in try pidFile?.write() }
            server.attendant.reactor.run()
            // First: whatever the end is held up by ends with it.
            StopGuard(seconds: stopSecondsMax, logger: server.logger).start()
            server.logger.notice("ending")
            // Gone before the end is awaited, so that an end that is cut short leaves no pid file.
            pidFile?.remove()
            server.stop()
            signals.close()
            return 0
        } catch {
            pidFile?.remove()
            // Signals are held back by now: who does not read must not hold the end.
            _ = LogDescriptor.standardError.write(Array("sipray serve: \(error)\n".utf8))
            return 1
        }
    }

    /// Checks all that can be checked without opening anything (`-c`). The exit status: 0, or 1 when it would be refused.
    package static func check(_ options: StartOptions) -> Int32 {
        guard let script = accept(options) else { return 1 }
        do throws(ConfigurationError) {
            _ = try ServerInstance(script: script, options: options)
            complain("\(script.fileName): the script is good")
            return 0
        } catch {
            complain("sipray serve: \(error)")
            return 1
        }
    }

    /// Reads the script and tells what is wrong with it; nil when it is refused.
    private static func accept(_ options: StartOptions) -> Script? {
        var analysis = ScriptAnalysis.analyse(
            path: options.scriptPath, catalogue: .sipray, preprocessor: options.preprocessor)
        StartCheck.add(to: &analysis, options: options, looksUpNames: true)
        if !analysis.diagnostics.isEmpty { complain(analysis.render(colour: isatty(STDERR_FILENO) == 1)) }
        return analysis.isAccepted ? analysis.script : nil
    }

    /// Makes `run` return soon. Any thread; harmless when nothing runs.
    package static func requestStop() { attendant.withLock { $0?.stop() } }

    private static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Ends the program, with status 0, when the processes take too long to end: a script that loops can't hold it.
private final class StopGuard: Sendable {
    private let seconds: UInt32
    private let logger: Logger

    init(seconds: UInt32, logger: Logger) {
        self.seconds = seconds
        self.logger = logger
    }

    /// Starts the watch; it ends with the program.
    func start() {
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the guard that `start` retained for this thread.
                let stopGuard = Unmanaged<StopGuard>.fromOpaque(argument!).takeRetainedValue()
                sleep(stopGuard.seconds)
                stopGuard.logger.warning("processes are still busy after \(stopGuard.seconds) s: ending without them")
                _exit(0)
            }, argument.toOpaque())
        if code == 0 { pthread_detach(thread) } else { argument.release() }
    }
}

/// SIGTERM, SIGINT and SIGHUP as something that the attendant's reactor reads.
///
/// SIGHUP ends the server when the kernel sent it, because the terminal went away that the server was started from.
/// Somebody who sends it (a script that turns logs over, or expects a reload) does not mean the calls to end: there is no
/// log file to open again, and scripts are not reloaded.
final class SignalWatch {
    private let descriptor: Int32
    private var registration: Registration?

    /// Blocks the signals for this thread and those made from now on, and watches for them.
    init(on process: ReactorProcess, logger: Logger) throws(ConfigurationError) {
        descriptor = cplatform_signals_open()
        guard descriptor >= 0 else { throw ConfigurationError("signalfd: \(String(cString: strerror(-descriptor)))") }
        do throws(SystemCallError) {
            registration = try process.reactor.add(descriptor, for: .readable) {
                [descriptor, reactor = process.reactor] _ in
                var isKernels: Int32 = 0
                while case let signal = cplatform_signals_next(descriptor, &isKernels), signal > 0 {
                    if signal == SIGHUP, isKernels == 0 {
                        logger.notice("SIGHUP: nothing is reloaded or opened again; going on")
                    } else {
                        reactor.stop()
                    }
                }
            }
        } catch {
            throw ConfigurationError(error.description)
        }
    }

    func close() {
        registration?.remove()
        _ = Glibc.close(descriptor)
    }
}
