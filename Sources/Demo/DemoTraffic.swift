package import Reactor

/// The demo's telephones: registers the called numbers, then calls them. Two processes of its own, apart from the server.
///
/// Use: `init`, `register`, `call`, look at `counts`, `stop`. From one thread.
package final class DemoTraffic {
    package struct Plan: Sendable {
        package var server: SocketAddress
        /// Numbers to register; calls go to them in turn.
        package var users = 200
        package var calls: Int
        package var rate: Double
        /// From answer to BYE, of most calls and of a few long ones.
        package var talkMilliseconds = (short: 200, long: 2500)
        /// From ringing to answer.
        package var ringMilliseconds = 40

        package init(server: SocketAddress, calls: Int, rate: Double) {
            self.server = server
            self.calls = calls
            self.rate = rate
        }
    }

    private let plan: Plan
    private let table = ProcessTable(profiler: nil, statistics: Statistics())
    private let callers: ReactorProcess
    private let callees: ReactorProcess
    private let registrant: Registrant
    private let caller: Caller
    private let callee: Callee
    private let registerSocket: EndpointSocket
    private let calleeAddress: SocketAddress
    private let isRegistered = Latch()

    /// Opens the telephones' sockets.
    /// - Throws: when no socket can be had.
    package init(_ plan: Plan) throws(SystemCallError) {
        self.plan = plan
        callers = try table.make(description: "callers", kind: .udp)
        callees = try table.make(description: "callees", kind: .udp)
        let names = (1...max(1, plan.users)).map { CallKind.of($0).registered($0) }
        // Busy calls go to the mailbox, which never is.
        registrant = Registrant(numbers: names + ["mailbox"])
        registerSocket = try EndpointSocket(process: callers, host: plan.server)
        let calleeSocket = try EndpointSocket(process: callees, host: plan.server)
        calleeAddress = calleeSocket.address
        callee = Callee(socket: calleeSocket, server: plan.server, answerAfterMilliseconds: plan.ringMilliseconds)
        caller = Caller(
            socket: try EndpointSocket(process: callers, host: plan.server), server: plan.server,
            users: max(1, plan.users), callsMax: plan.calls, rate: plan.rate, talkMilliseconds: plan.talkMilliseconds)
        try callee.start()
        try caller.prepare()
    }

    package var counts: CallCounts { caller.counts }
    package var registeredCount: Int { registrant.registeredCount }
    package var registrationFailures: Int { registrant.failedCount }
    /// All registrations had an answer.
    package var hasRegistered: Bool { isRegistered.isSet }

    /// Starts the processes and the registrations.
    package func register() throws(SystemCallError) {
        try registrant.start(socket: registerSocket, contact: calleeAddress, server: plan.server) { [isRegistered] in
            isRegistered.set()
        }
        try callees.spawn(threadName: "demo-callees")
        try callers.spawn(threadName: "demo-callers")
    }

    /// Starts the calls.
    package func call() {
        callers.reactor.submit(ReactorSites.job("demo-begin")) { [caller] in caller.begin() }
    }

    /// Ends the telephones, whatever they do.
    package func stop() { table.stopAll() }
}
