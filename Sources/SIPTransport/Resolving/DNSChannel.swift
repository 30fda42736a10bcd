import Bytes
import CAres
import Glibc
import Profiling
import Reactor

/// c-ares in one process: its sockets are descriptors of the process's reactor, its timeouts one reactor timer.
///
/// Confined to the process's thread. Equal questions that are asked while one is under way wait for the same answer.
final class DNSChannel {
    private static let site = Site("dns reading", file: "handle_io", line: 361, exitLine: 363, interest: .sip)
    private static let timerSite = ReactorSites.timer("dns-timeout")
    /// c-ares wants to be told once per program that it is used.
    private static let isLibraryReady = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS

    /// A question that is under way, and who waits for its answer.
    private final class Pending {
        let question: DNSQuestion
        unowned let channel: DNSChannel
        var waiters: [(DNSAnswer) -> Void] = []

        init(question: DNSQuestion, channel: DNSChannel) {
            self.question = question
            self.channel = channel
        }
    }

    /// Nil only while everything is taken down: a process owns its reactor, and the resolver may outlive both.
    private weak var process: ReactorProcess?
    private let options: ResolverOptions
    private let store: (DNSQuestion, DNSAnswer, _ seconds: Int?) -> Void
    private var channel: ares_channel?
    private var registrations: [Int32: Registration] = [:]
    private var pending: [DNSQuestion: Pending] = [:]
    /// Who waits for the answers to all of them.
    private(set) var waiterCount = 0
    private var timer: Timer?
    private var isClosed = false
    private(set) var error: String?

    /// `store` is called with each answer before those who wait for it.
    init(
        process: ReactorProcess, options: ResolverOptions,
        store: @escaping (DNSQuestion, DNSAnswer, _ seconds: Int?) -> Void
    ) {
        self.process = process
        self.options = options
        self.store = store
        open()
    }

    deinit { close() }

    /// Asks, or joins who asked already: then it is false. The answer may come before this returns.
    func ask(_ question: DNSQuestion, _ waiter: @escaping (DNSAnswer) -> Void) -> Bool {
        if let asked = pending[question] {
            asked.waiters.append(waiter)
            waiterCount += 1
            return false
        }
        guard let channel else {
            waiter(.failure)
            return false
        }
        let asked = Pending(question: question, channel: self)
        asked.waiters.append(waiter)
        waiterCount += 1
        pending[question] = asked
        // c-ares calls back exactly once for each query: then the reference is given up.
        let argument = Unmanaged.passRetained(asked).toOpaque()
        let ask = options.usesSearchList && question.type != .srv ? ares_search : ares_query
        ask(channel, question.name.string, 1, Int32(question.type.rawValue), Self.answered, argument)
        armTimer()
        return true
    }

    /// Ends everything without calling who waits.
    func close() {
        // Without the process its reactor is gone too, and with it what would have to be disarmed and removed.
        if process != nil {
            timer?.invalidate()
            for registration in registrations.values { registration.remove() }
        }
        timer = nil
        registrations = [:]
        isClosed = true
        for asked in pending.values { asked.waiters = [] }
        pending = [:]
        waiterCount = 0
        if let channel { ares_destroy(channel) }
        channel = nil
    }

    private func open() {
        guard Self.isLibraryReady else {
            error = "c-ares can't be initialised"
            return
        }
        var settings = ares_options()
        settings.timeout = Int32(clamping: options.timeoutMilliseconds)
        settings.tries = Int32(clamping: options.tries)
        settings.sock_state_cb = { context, descriptor, readable, writable in
            // The context is the channel, which outlives its ares_channel.
            Unmanaged<DNSChannel>.fromOpaque(context!).takeUnretainedValue()
                .watch(descriptor, readable: readable != 0, writable: writable != 0)
        }
        settings.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        let status = ares_init_options(
            &channel, &settings, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB)
        guard status == ARES_SUCCESS else {
            channel = nil
            error = String(cString: ares_strerror(status))
            return
        }
        if !options.servers.isEmpty {
            let status = ares_set_servers_ports_csv(channel, options.servers.joined(separator: ","))
            if status != ARES_SUCCESS { error = String(cString: ares_strerror(status)) }
        }
        if let most = options.serversMax { keepServers(most) }
        timer = process?.reactor.makeTimer(label: Self.timerSite) { [unowned self] in
            self.turn(Int32(ARES_SOCKET_BAD), Int32(ARES_SOCKET_BAD))
        }
    }

    /// Asks no server but the first `count`.
    private func keepServers(_ count: Int) {
        var first: UnsafeMutablePointer<ares_addr_port_node>?
        guard ares_get_servers_ports(channel, &first) == ARES_SUCCESS, first != nil else { return }
        defer { ares_free_data(first) }
        var last = first
        for _ in 1..<max(1, count) { last = last?.pointee.next ?? last }
        // The list is cut while it is read, and whole again when it is freed.
        let rest = last?.pointee.next
        last?.pointee.next = nil
        let status = ares_set_servers_ports(channel, first)
        last?.pointee.next = rest
        if status != ARES_SUCCESS { error = String(cString: ares_strerror(status)) }
    }

    private func watch(_ descriptor: Int32, readable: Bool, writable: Bool) {
        guard !isClosed, let process else { return }
        var interest: Readiness = []
        if readable { interest.insert(.readable) }
        if writable { interest.insert(.writable) }
        if interest.isEmpty {
            registrations.removeValue(forKey: descriptor)?.remove()
        } else if let registration = registrations[descriptor] {
            registration.modify(interest)
        } else {
            // A descriptor that can't be watched is found by its question's timeout.
            registrations[descriptor] = try? process.reactor.add(descriptor, for: interest) {
                [unowned self, unowned process] readiness in
                process.probe.enter(Self.site)
                let isReadable = !readiness.isDisjoint(with: [.readable, .failed, .hangup])
                let isWritable = readiness.contains(.writable)
                self.turn(
                    isReadable ? descriptor : Int32(ARES_SOCKET_BAD), isWritable ? descriptor : Int32(ARES_SOCKET_BAD))
                process.probe.exit(Self.site)
            }
        }
    }

    private func turn(_ readable: Int32, _ writable: Int32) {
        guard let channel else { return }
        ares_process_fd(channel, readable, writable)
        armTimer()
    }

    private func armTimer() {
        guard let channel else { return }
        var interval = timeval()
        guard let next = ares_timeout(channel, nil, &interval) else {
            timer?.cancel()
            return
        }
        timer?.arm(afterMilliseconds: next.pointee.tv_sec * 1000 + Int(next.pointee.tv_usec) / 1000 + 1)
    }

    private static let answered: ares_callback = { argument, status, _, bytes, length in
        // The reference that `ask` retained.
        let asked = Unmanaged<Pending>.fromOpaque(argument!).takeRetainedValue()
        let message = bytes.map { Array(UnsafeBufferPointer(start: $0, count: Int(max(0, length)))) }
        let (answer, seconds) = read(status: status, message: message, type: asked.question.type)
        guard !asked.waiters.isEmpty else { return }
        asked.channel.finish(asked, answer, seconds)
    }

    private static func read(status: Int32, message: [UInt8]?, type: DNSType) -> (DNSAnswer, Int?) {
        switch status {
        case ARES_SUCCESS, ARES_ENODATA, ARES_ENOTFOUND:
            guard let parsed = message.flatMap({ DNSMessage.parse($0, type: type) }) else {
                return (status == ARES_SUCCESS ? .failure : .nothing, nil)
            }
            return (parsed.answer, parsed.seconds)
        case ARES_ETIMEOUT:
            return (.timeout, nil)
        default:
            return (.failure, nil)
        }
    }

    private func finish(_ asked: Pending, _ answer: DNSAnswer, _ seconds: Int?) {
        pending[asked.question] = nil
        waiterCount -= asked.waiters.count
        store(asked.question, answer, seconds)
        let waiters = asked.waiters
        asked.waiters = []
        for waiter in waiters { waiter(answer) }
    }
}
