/// What the transaction user keeps with a transaction (`Transaction.user`).
package protocol TransactionUser: AnyObject, Sendable {
    /// The transaction is over and has let go of this: what leads back here is to be let go too. Once, on the process where it
    /// ended, without a lock; a script that waits may still hold this.
    func transactionEnded()
}
