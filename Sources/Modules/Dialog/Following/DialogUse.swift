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
    /// The callee that it goes to or comes from; nil while none is known, `unknownCallee` for one that is not followed.
    let callee: Int?
    /// No other callee was confirmed before: a BYE ends the dialog, not a leg of its own.
    let isMainLeg: Bool
    /// Whether a BYE has done its work already.
    let endsWhenRelayed: Bool

    /// Stands for callees beyond `DialogSettings.legsMax`: no place has this number.
    static let unknownCallee = -1

    init(
        _ dialog: Dialog, sender: DialogSide, isInitial: Bool, callee: Int? = nil, isMainLeg: Bool = true,
        endsWhenRelayed: Bool = false
    ) {
        self.dialog = dialog
        self.callee = callee
        self.sender = sender
        self.isInitial = isInitial
        self.isMainLeg = isMainLeg
        self.endsWhenRelayed = endsWhenRelayed
    }
}

extension MessageContext {
    /// The dialog of the message: one loaded by `load_dialog_ctx()` before the message's own.
    package var dialog: Dialog? {
        let loaded = state(LoadedDialog.self)
        return loaded?.loaded ?? loaded?.own ?? dialogUse?.dialog
    }

    var dialogUse: DialogUse? { tmState?.attached(DialogUse.self) }
}
