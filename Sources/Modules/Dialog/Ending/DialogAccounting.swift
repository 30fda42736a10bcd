import RouteRuntime
import SIPDialog
import SIPStack
import Synchronization

/// Accounting of a dialog: told when it is over.
protocol DialogAccounting: AnyObject, Sendable {
    /// It was confirmed, and ends at this moment. Routes of the script that this brings run next.
    func ending(_ dialog: Dialog)

    /// The BYE that ended it has been answered, or will not be; of other ends, the routes have run. May come more than once.
    func ended(_ dialog: Dialog)

    /// The dialog is out of the table. It may still be told that it ended, when its BYE waits for its answer.
    func forgotten()
}

extension Dialog {
    /// Nil of most, whom asking costs one load.
    var accounting: (any DialogAccounting)? {
        guard isAccounted.load(ordering: .acquiring) else { return nil }
        return read { $0.accounting }
    }

    /// The first stays.
    func account(as accounting: any DialogAccounting) {
        update { $0.accounting = $0.accounting ?? accounting }
        isAccounted.store(true, ordering: .releasing)
    }
}

extension DialogModule {
    /// The dialog is over, and nothing that ends it is under way any more.
    func settleAccounting(_ dialog: Dialog) {
        guard let accounting = dialog.accounting, dialog.state == .deleted else { return }
        accounting.ended(dialog)
    }

    /// The same for who is being freed: on a SIP process. Any thread, whatever it holds.
    func settleAccountingLater(_ dialog: Dialog) {
        guard dialog.accounting != nil else { return }
        let isTaken = onProcess(DialogSites.endingJob) { [self] _ in settleAccounting(dialog) }
        if !isTaken { settleAccounting(dialog) }
    }
}
