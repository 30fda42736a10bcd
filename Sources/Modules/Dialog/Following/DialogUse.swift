import Bytes
import RouteRuntime
import SIPDialog
import SIPMessage

/// A message of a dialog: kept with its transaction, so that every route that it runs through finds the dialog.
final class DialogUse: Sendable {
    let dialog: Dialog
    /// Who sent the request.
    let sender: DialogSide
    /// The request that made the dialog.
    let isInitial: Bool
    /// The callee leg that it is about; nil for the one that is confirmed. Another leg's BYE ends that alone.
    let isMainLeg: Bool
    /// Whether a BYE has done its work already.
    let endsWhenRelayed: Bool

    init(
        _ dialog: Dialog, sender: DialogSide, isInitial: Bool, isMainLeg: Bool = true, endsWhenRelayed: Bool = false
    ) {
        self.dialog = dialog
        self.sender = sender
        self.isInitial = isInitial
        self.isMainLeg = isMainLeg
        self.endsWhenRelayed = endsWhenRelayed
    }
}

extension MessageContext {
    /// The dialog of the message: one loaded by `load_dialog_ctx()` before the message's own.
    package var dialog: Dialog? { state(LoadedDialog.self)?.dialog ?? tmState?.attached(DialogUse.self)?.dialog }

    var dialogUse: DialogUse? { tmState?.attached(DialogUse.self) }
}
