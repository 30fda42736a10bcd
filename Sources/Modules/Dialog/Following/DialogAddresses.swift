import RouteRuntime
import SIPDialog
import SIPMessage

/// From and To as the callee knows them, where `uac_replace_from()` and `uac_replace_to()` changed them: what requests of this
/// server's own bear, and what later requests of the dialog are brought into.
struct DialogAddresses {
    /// Who brings later requests into the form that the other side knows.
    enum Restoring {
        /// The dialog, as soon as a request is found to be its own (`restore_mode` `auto`).
        case automatic
        /// The script, by `uac_restore_from()` and `uac_restore_to()`.
        case manual
        /// Branches may differ: what was stored in Record-Route.
        case byRoute
    }

    struct Change {
        let text: AddressChange
        let restoring: Restoring
    }

    var from: Change?
    var to: Change?

    var isEmpty: Bool { from == nil && to == nil }

    subscript(side: UACModule.Side) -> Change? {
        get { side == .from ? from : to }
        set { if side == .from { from = newValue } else { to = newValue } }
    }

    /// What stands in the place of From or To of a request from `sender`: towards the caller they have changed places, and the
    /// originals are wanted.
    func text(
        for side: UACModule.Side, sender: DialogSide, where isWanted: (Restoring) -> Bool
    ) -> (place: UACModule.Side, text: AddressChange, isOriginal: Bool)? {
        guard let change = self[side], isWanted(change.restoring) else { return nil }
        guard sender == .callee else { return (side, change.text, false) }
        return (side == .from ? .to : .from, change.text, true)
    }
}

extension DialogUse {
    /// Brings both addresses of a request into the form that the other side knows, where the dialog is to do so. One lock section.
    func restoreAutomatically(_ context: MessageContext) {
        guard dialog.read({ !$0.changes.isEmpty }) else { return }
        for side in UACModule.Side.allCases { _ = restore(side, of: context) { $0 == .automatic } }
    }

    /// Brings one address of a request into the form that the other side knows. False when there is nothing to change.
    func restore(
        _ side: UACModule.Side, of context: MessageContext, where isWanted: (DialogAddresses.Restoring) -> Bool
    ) -> Bool {
        guard
            let (place, change, isOriginal) = dialog.read({
                $0.changes.isEmpty ? nil : $0.changes.text(for: side, sender: sender, where: isWanted)
            })
        else { return false }
        UACModule.set(place, isOriginal ? change.original : change.replaced, change.namesChanged, in: context)
        UACModule.restoreReplies(context)
        return true
    }
}
