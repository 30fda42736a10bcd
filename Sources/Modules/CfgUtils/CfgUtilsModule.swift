package import Bytes
import Foundation
import Profiling
import Reactor
import RouteLanguage
package import RouteRuntime
import Synchronization

/// `cfgutils` at work. Public to the Server for its management commands: `chance`, `shared`.
package final class CfgUtilsModule: Sendable {
    package let chance: Chance
    package let shared = SharedVariables()
    let locks: ScriptLocks
    /// What `varset` gives every run of a route to begin with.
    package let presetVariables: [(name: ByteString, value: Value)]
    private let now: @Sendable () -> Int
    private let schedules = Mutex<[ByteString: TimeSchedule]>([:])

    /// Time recurrences kept parsed.
    private static let schedulesMax = 1024
    /// Longest `sleep()`, in milliseconds: a day.
    private static let sleepMillisecondsMax = 86_400_000

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        chance = Chance(initial: parameters.integer("cfgutils", "initial_probability") ?? 10)
        locks = ScriptLocks(dynamicCount: parameters.integer("cfgutils", "lock_pool_size") ?? 32)
        now = environment.now
        var presets: [(name: ByteString, value: Value)] = []
        for text in parameters.texts("cfgutils", "varset") {
            guard let setting = VariableSetting(text) else { throw ModuleError.value("cfgutils", "varset", text) }
            presets.append((setting.name, setting.value))
        }
        presetVariables = presets
        for text in parameters.texts("cfgutils", "shvset") {
            guard let setting = VariableSetting(text) else { throw ModuleError.value("cfgutils", "shvset", text) }
            shared.set(setting.name, setting.value)
        }
    }

    var binding: ModuleBinding {
        ModuleBinding(
            "cfgutils",
            functions: chanceFunctions.merging(waitingFunctions) { $1 }.merging(lockFunctions) { $1 }
                .merging(valueFunctions) { $1 }.merging(timeFunctions) { $1 },
            variables: variables)
    }

    // MARK: Functions

    private var chanceFunctions: [String: HostFunction] {
        let chance = chance
        return [
            "rand_event": { call in
                Outcome(chance.happens(percent: call.integer(0) ?? chance.percent))
            },
            "rand_set_prob": { call in Outcome(call.integer(0).map { chance.set($0) } ?? false) },
            "rand_reset_prob": { _ in
                chance.reset()
                return .yes
            },
            "rand_get_prob": { _ in .number(Int32(chance.percent)) },
            "abort": { _ in fatalError("the script called abort()") },
            "pkg_status": { call in
                call.log(.notice, "pkg_status: memory is not divided into process pools here")
                return .yes
            },
            "shm_status": { call in
                call.log(.notice, "shm_status: memory is not divided into shared pools here")
                return .yes
            },
        ]
    }

    private var waitingFunctions: [String: HostFunction] {
        [
            "sleep": { call in
                Self.wait(call, milliseconds: max(0, call.integer(0) ?? 0).multipliedReportingOverflow(by: 1000))
            },
            "usleep": { call in
                // Never early: a part of a millisecond counts as a whole one.
                Self.wait(
                    call,
                    milliseconds: (((call.integer(0) ?? 0) / 1000) + ((call.integer(0) ?? 0) % 1000 > 0 ? 1 : 0), false)
                )
            },
        ]
    }

    private static func wait(_ call: borrowing Call, milliseconds: (partialValue: Int, overflow: Bool)) -> Outcome {
        let delay = milliseconds.overflow ? sleepMillisecondsMax : min(milliseconds.partialValue, sleepMillisecondsMax)
        return delay > 0 ? ScriptSleep.start(call, milliseconds: delay) : .yes
    }

    private var lockFunctions: [String: HostFunction] {
        let locks = locks
        return [
            "get_static_lock": { call in
                guard let key = call.string(0) else { return .no }
                return locks.acquire(.fixed(key), call)
            },
            "release_static_lock": { call in
                guard let key = call.string(0) else { return .no }
                locks.release(.fixed(key), by: call.run)
                return .yes
            },
            "get_dynamic_lock": { call in
                guard let key = call.string(0) else { return .no }
                return locks.acquire(.dynamic(key), call)
            },
            "release_dynamic_lock": { call in
                guard let key = call.string(0) else { return .no }
                locks.release(.dynamic(key), by: call.run)
                return .yes
            },
            "strings_share_lock": { call in
                guard let first = call.string(0), let second = call.string(1) else { return .no }
                return Outcome(locks.index(of: first) == locks.index(of: second))
            },
        ]
    }

    private var valueFunctions: [String: HostFunction] {
        [
            "set_count": { call in Outcome(call.assign(1, .integer(call.values(0).count))) },
            "set_select_weight": { call in
                let weights = call.values(0).map { value -> Int in
                    if case .string(let text) = value { text.decimal() ?? 0 } else { value.integer ?? 0 }
                }
                guard let index = Chance.index(byWeight: weights) else { return .no }
                return .number(Int32(index))
            },
            "shuffle_avps": { call in
                var values = call.values(0)
                guard !values.isEmpty else { return .no }
                values.shuffle()
                guard let last = values.last, call.replaceAll(0, last) else { return .no }
                for value in values.dropLast().reversed() where !call.assign(0, value) { return .no }
                return .yes
            },
        ]
    }

    private var timeFunctions: [String: HostFunction] {
        [
            "ts_usec_delta": { call in
                guard let s1 = call.integer(0), let u1 = call.integer(1), let s2 = call.integer(2),
                    let u2 = call.integer(3)
                else { return .no }
                let (apart, isTooFar) = s1.subtractingReportingOverflow(s2)
                let (seconds, overflow) = apart.multipliedReportingOverflow(by: 1_000_000)
                guard !isTooFar, !overflow else { return .no }
                let (longer, isTooLong) = seconds.addingReportingOverflow(u1)
                let (difference, isTooShort) = longer.subtractingReportingOverflow(u2)
                guard !isTooLong, !isTooShort, let delta = Int(exactly: difference.magnitude) else { return .no }
                if call.isPresent(4) { call.assign(4, .string(ByteString(decimal: delta))) }
                guard call.isPresent(5) else { return .yes }
                guard delta <= Int(Int32.max) else { return .no }
                return Outcome(call.assign(5, .integer(delta)))
            },
            "check_time_rec": { [self] call in
                guard let text = call.string(0) else { return .done(-3) }
                guard let schedule = schedule(text) else {
                    call.log(.error, "check_time_rec: \"\(text)\" is no time recurrence")
                    return .done(-2)
                }
                return Outcome(schedule.contains(call.integer(1) ?? now()))
            },
            "get_accurate_time": { call in
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                let microseconds = time.tv_nsec / 1000
                call.assign(0, .integer(time.tv_sec))
                call.assign(1, .integer(microseconds))
                if call.isPresent(2) {
                    let digits = String(microseconds + 1_000_000).dropFirst()
                    call.assign(2, .string(ByteString("\(time.tv_sec).\(digits)")))
                }
                return .yes
            },
        ]
    }

    private func schedule(_ text: ByteString) -> TimeSchedule? {
        if let known = schedules.withLock({ $0[text] }) { return known }
        guard let schedule = TimeSchedule(text.string) else { return nil }
        schedules.withLock { schedules in
            if schedules.count >= Self.schedulesMax { schedules.removeAll(keepingCapacity: true) }
            schedules[text.compacted()] = schedule
        }
        return schedule
    }

    // MARK: Variables

    private var variables: [VariableDefinition] {
        let shared = shared
        return [
            VariableDefinition(VariableDeclaration("env", inner: .required)) { access in
                guard let name = access.inner, let value = ProcessInfo.processInfo.environment[name.string] else {
                    return .null
                }
                return .string(ByteString(value))
            },
            VariableDefinition(VariableDeclaration("RANDOM")) { _ in .decimal(Int.random(in: 0..<(1 << 31))) },
            VariableDefinition(VariableDeclaration("ctime", inner: .required), prepare: BrokenDownTime.token) {
                access in
                .decimal(BrokenDownTime.value(access.token))
            },
            VariableDefinition(
                VariableDeclaration("shv", inner: .required, isWritable: true),
                read: { access in access.inner.map { shared.value($0) } ?? .null },
                write: { access, value, _ in
                    guard let name = access.inner else { return false }
                    return shared.set(name, value)
                }),
        ]
    }
}

/// `$ctime(name)`: the parts of the local time.
enum BrokenDownTime {
    private static let names: [ByteString] = ["sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst"]

    static func token(_ name: ByteString) -> Int? { names.firstIndex(of: name) }

    static func value(_ token: Int) -> Int {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        let value: Int32 =
            switch token {
            case 0: parts.tm_sec
            case 1: parts.tm_min
            case 2: parts.tm_hour
            case 3: parts.tm_mday
            case 4: parts.tm_mon + 1
            case 5: parts.tm_year + 1900
            case 6: parts.tm_wday + 1
            case 7: parts.tm_yday + 1
            default: parts.tm_isdst
            }
        return Int(value)
    }
}
