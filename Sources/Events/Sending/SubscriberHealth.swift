/// Whether a subscriber can be reached, and when to try again. Pure: the time is given, in milliseconds.
///
/// The rule: after a refusal nothing is sent for ``retryMillisecondsFirst``, then something is tried; each further
/// refusal doubles the pause up to ``retryMillisecondsMax``. Two sends in a row without a refusal make it well again (a
/// UDP refusal is reported with the send after the one that it concerns). Refused for ``deadMillisecondsMax``
/// without a success, it is given up: once, however long the trouble goes on.
struct SubscriberHealth: Sendable {
    static let retryMillisecondsFirst = 100
    static let retryMillisecondsMax = 5_000
    static let deadMillisecondsMax = 60_000

    /// When the present trouble began; `nil` while well.
    private(set) var failingSince: Int?
    private(set) var retryAt = 0
    private var pauseMilliseconds = 0
    private var isOnProbation = false
    private var isGivenUp = false

    /// Something was refused, or there was nobody.
    mutating func refused(now: Int) {
        failingSince = failingSince ?? now
        pauseMilliseconds =
            pauseMilliseconds == 0
            ? Self.retryMillisecondsFirst : min(pauseMilliseconds * 2, Self.retryMillisecondsMax)
        retryAt = now + pauseMilliseconds
        isOnProbation = false
    }

    /// Something went out without a refusal.
    mutating func sent() {
        guard failingSince != nil else { return }
        if isOnProbation {
            self = SubscriberHealth()
        } else {
            isOnProbation = true
        }
    }

    /// Whether it may be tried now.
    func maySend(now: Int) -> Bool { failingSince == nil || isOnProbation || now >= retryAt }

    /// Whether nothing is worth being produced for it now.
    func isPausing(now: Int) -> Bool { !maySend(now: now) }

    /// Whether it is to be given up now; true once in each trouble.
    mutating func giveUp(now: Int) -> Bool {
        guard !isGivenUp, let failingSince, now - failingSince >= Self.deadMillisecondsMax else { return false }
        isGivenUp = true
        return true
    }
}
