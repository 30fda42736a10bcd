import Bytes
import RouteRuntime
import Synchronization

/// What scripts set for one call, and when it began: of the request that set it, and of the whole dialog when that has a CDR.
final class AccCall: DialogAccounting {
    /// Legs of one call; a further one is refused.
    static let legsMax = 64

    struct Values: Sendable {
        var extra: [Value]
        var legs: [[Value]]
        /// Where the CDR goes.
        var cdr: AccBackends = []
        /// The dialog that has the CDR, until that is answered or forgotten: it holds this.
        var dialog: Dialog?
        /// Milliseconds of a clock that nobody sets; nil: not over.
        var endedMilliseconds: Int?
        var answer: Answer?
        /// Nothing more comes that could set values.
        var isOver = false
        var isWritten = false
    }

    /// The 2xx of the INVITE.
    struct Answer: Sendable {
        let code: Int
        let reason: ByteString
        /// Seconds since 1970.
        let time: Int
        let milliseconds: Int
    }

    let module: AccModule
    /// Seconds since 1970.
    let createdAt: Int
    let createdMilliseconds: Int
    let values: Mutex<Values>

    init(_ module: AccModule, extraCount: Int, legCount: Int, createdAt: Int) {
        self.module = module
        self.createdAt = createdAt
        createdMilliseconds = DialogModule.milliseconds()
        values = Mutex(
            Values(
                extra: extraCount == 0 ? [] : Array(repeating: .null, count: extraCount),
                legs: legCount == 0 ? Self.plainLegs : [Array(repeating: .null, count: legCount)]))
    }

    private static let plainLegs: [[Value]] = [[]]

    /// Whole seconds from the first request until `milliseconds`.
    func setupSeconds(until milliseconds: Int) -> Int { max(0, milliseconds - createdMilliseconds) / 1000 }

    /// The call that the dialog of a message is accounted as; nil for most.
    static func ofDialog(_ context: MessageContext) -> AccCall? {
        guard let dialog = context.dialogUse?.dialog ?? context.state(LoadedDialog.self)?.own else { return nil }
        return dialog.accounting as? AccCall
    }

    // MARK: the dialog's end

    func ending(_ dialog: Dialog) {
        let now = DialogModule.milliseconds()
        values.withLock { $0.endedMilliseconds = $0.endedMilliseconds ?? now }
    }

    func ended(_ dialog: Dialog) { settle(dialog) { $0.isOver = true } }

    /// The INVITE has its 2xx. It may be told of after the BYE, by another process.
    func answered(_ answer: Answer, _ dialog: Dialog) {
        settle(dialog) { values in
            values.answer = values.answer ?? answer
            values.dialog = nil
        }
    }

    func forgotten() { values.withLock { $0.dialog = nil } }

    /// Writes the CDR when both its beginning and its end are known, once.
    private func settle(_ dialog: Dialog, _ change: (inout Values) -> Void) {
        let due = values.withLock { values -> Values? in
            change(&values)
            guard values.isOver, values.answer != nil, !values.isWritten else { return nil }
            values.isWritten = true
            return values
        }
        if let due { module.write(due, of: self, dialog) }
    }
}

/// The accounting of another dialog that a script works with: `acc_load_ctx_from_dlg()`.
struct LoadedAccounting {
    var call: AccCall?
}
