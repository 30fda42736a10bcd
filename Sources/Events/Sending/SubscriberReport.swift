import Synchronization

/// What everybody may know of a subscriber; written by the sender's thread.
final class SubscriberReport: Sendable {
    let sent = Atomic<Int>(0)
    let lost = Atomic<Int>(0)
    /// It refuses, or is not there.
    let isUnreachable = Atomic<Bool>(false)
    /// It is unreachable and not to be tried now: nothing needs to be produced for it.
    let isPausing = Atomic<Bool>(false)
    /// Set by a subscription or renewal: try it at once.
    let isFresh = Atomic<Bool>(true)
}
