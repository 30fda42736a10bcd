import RouteLanguage
import RouteRuntime
import SIPStack

extension Transaction {
    /// Whether a function may make an INVITE an entity's. Not when somebody has it, or it is answered: by the script, or by a CANCEL that
    /// came while the script waited. The log says so.
    func isFree(for call: borrowing Call) -> Bool {
        if owner != nil {
            call.log(.error, "\(call.name): another function has taken the INVITE already")
            return false
        }
        if branchCount > 0 {
            call.log(.error, "\(call.name): the INVITE has been relayed already")
            return false
        }
        if isAnswered || isCancelled {
            call.log(.notice, "\(call.name): the INVITE is answered already, or was cancelled")
            return false
        }
        return true
    }
}
