/// Result of one event on a transaction's machine: fits in registers, nothing is allocated.
package struct MachineStep<Actions: OptionSet & Hashable & Sendable & BitwiseCopyable>: Sendable, Hashable,
    BitwiseCopyable
{
    package var actions: Actions
    /// What becomes of the timer that repeats a message.
    package var retransmission: TimerChange
    /// What becomes of the timer that ends a state.
    package var lifetime: TimerChange

    package init(_ actions: Actions = [], retransmission: TimerChange = .keep, lifetime: TimerChange = .keep) {
        self.actions = actions
        self.retransmission = retransmission
        self.lifetime = lifetime
    }

    /// The step of an event that means nothing in the present state.
    package static var nothing: MachineStep { MachineStep() }
}
