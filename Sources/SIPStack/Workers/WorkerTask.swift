/// Something that a worker is to do later (`StackWorker.schedule`).
package protocol WorkerTask: AnyObject, Sendable {
    /// The time has come. On the process that it was scheduled on.
    func run(on worker: StackWorker)
}
