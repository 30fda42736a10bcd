import Glibc
import Synchronization

/// Ctrl-C and SIGTERM, asked for instead of dying of them: there are levels to put back.
enum Interruption {
    /// When the first came, in milliseconds of the monotonic clock; 0: none has.
    private static let requestedAt = Atomic<Int>(0)

    /// How long the server is waited for after it: a person who ends a command gets the prompt back at once.
    private static let lastWordsMilliseconds = 250

    static var isRequested: Bool { requestedAt.load(ordering: .relaxed) != 0 }

    /// Milliseconds for which an answer is still worth waiting for, by what is asked (``ManagementClient/patience``).
    enum Patience {
        /// None from then on, for what is shown.
        static let showing: @Sendable () -> Int = { isRequested ? 0 : .max }
        /// A moment, for what is put back at the end.
        static let lastWords: @Sendable () -> Int = {
            let at = requestedAt.load(ordering: .relaxed)
            return at == 0 ? .max : max(0, at + lastWordsMilliseconds - now())
        }
    }

    /// From here on these signals only set `isRequested`, and interrupt a system call that waits. However often they come,
    /// the program ends by itself: what it still asks the server for has a time limit. Ctrl-\ ends it at once.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            _ = Interruption.requestedAt.compareExchange(
                expected: 0, desired: Interruption.now(), ordering: .relaxed)
        }
        // Without SA_RESTART, by which a write to a reader that stands still would go on waiting.
        action.sa_flags = 0
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaction(number, &action, nil) }
    }

    /// Never 0. May be called by a handler of signals.
    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000 + 1
    }
}
