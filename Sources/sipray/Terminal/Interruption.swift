import Glibc
import Synchronization

/// Ctrl-C and SIGTERM, asked for instead of dying of them: there are levels to put back.
enum Interruption {
    private static let requested = Atomic<Bool>(false)

    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// From here on these signals only set `isRequested`, and interrupt a system call that waits. However often they come,
    /// the program ends by itself: what it still asks the server for has a time limit. Ctrl-\ ends it at once.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in Interruption.requested.store(true, ordering: .relaxed) }
        // Without SA_RESTART, by which a write to a reader that stands still would go on waiting.
        action.sa_flags = 0
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaction(number, &action, nil) }
    }
}
