public import Synchronization

/// What the code of one process speaks into: starts and ends sessions, enters and exits jobs.
///
/// One per process (`Profiler.addProcess`), used on that process's thread only. Calls nest strictly: what was entered,
/// held or started last ends first.
///
/// Budget, per record: nobody interested: one relaxed load and a test. Somebody interested: the clock read and three
/// stores. Never an allocation, lock, system call or wait.
public final class Probe: @unchecked Sendable {
    // @unchecked: `active` and `wanted` are atomic, the rings take care of themselves, and everything else belongs to
    // the process's thread; the object itself is made elsewhere and handed over once.

    /// What is recorded until the current pass ends. Written by the owner, looked at by the collector.
    @usableFromInline let active = Atomic<UInt8>(0)
    /// What the next pass will record. Written by the profiler.
    @usableFromInline let wanted = Atomic<UInt8>(0)

    /// The process's id.
    public let process: Int
    let ring: RecordRing
    let annotations: AnnotationRing

    // The ring position of `start` is part of its session's id, so the writer knows its own sessions.
    @exclusivity(unchecked) private var heldCount = 0
    @exclusivity(unchecked) private var passesInside = 0
    @exclusivity(unchecked) private var startSite = Site.silent
    @exclusivity(unchecked) private var isStartWritten = false
    @exclusivity(unchecked) private var startPosition: UInt64 = 0
    @exclusivity(unchecked) private var scriptsCount = 0
    private let held: UnsafeMutablePointer<RawRecord>
    private let scripts: UnsafeMutablePointer<UInt64>
    /// Where annotations are put together. Never moved; the process's thread only.
    @usableFromInline let scratch: UnsafeMutableRawBufferPointer
    private let clock: TickSource
    private let usesCounter: Bool

    /// How many starts and enters are held back at most; when one more comes they are all written.
    public static let heldMax = 32
    /// How deep script sessions nest before the writer no longer knows their ids.
    public static let scriptsMax = 64
    /// How many bytes of one annotation are kept.
    public static let annotationBytesMax = 2048

    init(process: Int, ringRecords: Int, ringStart: UInt64 = 1, annotationBytes: Int, clock: TickSource) {
        self.process = process
        self.clock = clock
        usesCounter = clock.usesCounter
        ring = RecordRing(capacity: ringRecords, start: ringStart)
        annotations = AnnotationRing(bytes: annotationBytes)
        held = .allocate(capacity: Probe.heldMax)
        held.initialize(repeating: RawRecord(ticks: 0, word: 0), count: Probe.heldMax)
        scripts = .allocate(capacity: Probe.scriptsMax)
        scripts.initialize(repeating: 0, count: Probe.scriptsMax)
        scratch = .allocate(byteCount: Probe.annotationBytesMax, alignment: 8)
    }

    /// A probe that no profiler listens to: for code that must run without one, and for tests.
    public static func unattached(process: Int = 0) -> Probe {
        Probe(process: process, ringRecords: 16, annotationBytes: 0, clock: .system)
    }

    deinit {
        held.deallocate()
        scripts.deallocate()
        scratch.deallocate()
    }

    // MARK: Passes

    /// Begins a pass of the process: from here to `end` the interest stays as it is now.
    ///
    /// The `start` is held back until something inside speaks; it then comes out with the time it has now. A pass
    /// within a pass records nothing of its own. `cause` is the session, of any process, that asked for what is done in it.
    @inlinable
    public func begin(_ site: Site, causedBy cause: SessionToken = .none) {
        let wanted = wanted.load(ordering: .relaxed)
        if wanted | active.load(ordering: .relaxed) != 0 { beginWanted(site, wanted, cause) }
    }

    /// Ends the pass. If nothing spoke since `begin`, nothing is left of it.
    @inlinable
    public func end(status: Int32 = 0) {
        if active.load(ordering: .relaxed) != 0 { endWanted(status) }
    }

    @usableFromInline
    @inline(never)
    func beginWanted(_ site: Site, _ wanted: UInt8, _ cause: SessionToken) {
        guard active.load(ordering: .relaxed) == 0 else {
            passesInside += 1
            return
        }
        active.store(wanted, ordering: .relaxed)
        isStartWritten = false
        startSite = site
        guard wanted & Interest.process.rawValue != 0 else { return }
        if cause != .none { hold(word: RawRecord.link(cause, isCause: true)) }
        hold(word: RawRecord.word(.start, site, status: isAnnotated ? 1 : 0))
    }

    @usableFromInline
    @inline(never)
    func endWanted(_ status: Int32) {
        guard passesInside == 0 else {
            passesInside -= 1
            return
        }
        heldCount = 0
        if scriptsCount > 0 {
            scriptsCount = 0
            write(RawRecord.Kind.cut.rawValue)
        } else if isStartWritten {
            write(RawRecord.word(.end, startSite, status: status))
        }
        isStartWritten = false
        active.store(0, ordering: .relaxed)
    }

    // MARK: Jobs

    /// Whether a record of that site would be written now: for code that would have to work for its record.
    @inlinable
    public func wants(_ site: Site) -> Bool { active.load(ordering: .relaxed) & UInt8(site.raw &>> 24) != 0 }

    /// A job begins. What is held back is written first, each with its own time.
    @inlinable
    public func enter(_ site: Site) {
        if active.load(ordering: .relaxed) & UInt8(site.raw &>> 24) != 0 { enterWanted(site) }
    }

    /// The job entered or held last ends.
    @inlinable
    public func exit(_ site: Site, status: Int32 = 0) {
        if active.load(ordering: .relaxed) & UInt8(site.raw &>> 24) != 0 { exitWanted(site, status) }
    }

    /// A job begins that leaves records only if something inside it speaks. It ends with `exit`.
    @inlinable
    public func hold(_ site: Site) {
        if active.load(ordering: .relaxed) & UInt8(site.raw &>> 24) != 0 { holdWanted(site) }
    }

    @usableFromInline
    @inline(never)
    func enterWanted(_ site: Site) {
        if heldCount > 0 { release() }
        write(RawRecord.word(.enter, site))
    }

    @usableFromInline
    @inline(never)
    func exitWanted(_ site: Site, _ status: Int32) {
        if heldCount > 0 {
            heldCount -= 1
        } else {
            write(RawRecord.word(.exit, site, status: status))
        }
    }

    @usableFromInline
    @inline(never)
    func holdWanted(_ site: Site) { hold(word: RawRecord.word(.enter, site)) }

    private func hold(word: UInt64) {
        if heldCount == Probe.heldMax { release() }
        held[heldCount] = RawRecord(ticks: now(), word: word)
        heldCount += 1
    }

    /// Writes what is held back, with the times at which it happened.
    private func release() {
        for index in 0..<heldCount {
            let record = held[index]
            if record.word & 15 == RawRecord.Kind.start.rawValue {
                isStartWritten = true
                startPosition = ring.position
            }
            ring.append(ticks: record.ticks, word: record.word)
        }
        heldCount = 0
    }

    // MARK: Script sessions

    /// A run of a top-level route begins: a session of its own, inside the one that is open.
    ///
    /// `continuing` names the session that this one goes on with after a suspension, on any process; with `isCause` the
    /// one that made it necessary, as work of its own. Gives the session's id, or `none` when nobody is interested.
    @discardableResult
    @inlinable
    public func startScript(
        _ site: Site, continuing link: SessionToken = .none, isCause: Bool = false
    ) -> SessionToken {
        active.load(ordering: .relaxed) & Interest.script.rawValue != 0
            ? startScriptWanted(site, link, isCause) : .none
    }

    /// The run of the route started last ends.
    @inlinable
    public func endScript(_ site: Site, status: Int32 = 0) {
        if active.load(ordering: .relaxed) & Interest.script.rawValue != 0 { endScriptWanted(site, status) }
    }

    /// The script session that is open now, innermost; to be kept by who suspends, for `startScript(continuing:)`.
    public var currentScriptSession: SessionToken {
        guard scriptsCount > 0, scriptsCount <= Probe.scriptsMax else { return .none }
        return SessionToken(position: scripts[scriptsCount - 1], process: process, isAnnotated: isAnnotated)
    }

    /// The session that is open now, innermost, if anything is recorded of it: what caused what is asked for now.
    package var openSession: SessionToken {
        guard active.load(ordering: .relaxed) != 0 else { return .none }
        if scriptsCount > 0 { return currentScriptSession }
        return isStartWritten
            ? SessionToken(position: startPosition, process: process, isAnnotated: isAnnotated) : .none
    }

    @usableFromInline
    @inline(never)
    func startScriptWanted(_ site: Site, _ link: SessionToken, _ isCause: Bool) -> SessionToken {
        if heldCount > 0 { release() }
        if link != .none { write(RawRecord.link(link, isCause: isCause)) }
        let position = ring.position
        if scriptsCount < Probe.scriptsMax { scripts[scriptsCount] = position }
        scriptsCount += 1
        write(RawRecord.word(.scriptStart, site, status: isAnnotated ? 1 : 0))
        return SessionToken(position: position, process: process, isAnnotated: isAnnotated)
    }

    @usableFromInline
    @inline(never)
    func endScriptWanted(_ site: Site, _ status: Int32) {
        guard scriptsCount > 0 else { return }
        scriptsCount -= 1
        write(RawRecord.word(.scriptEnd, site, status: status))
    }

    // MARK: Annotations

    private var isAnnotated: Bool { active.load(ordering: .relaxed) & Interest.annotations.rawValue != 0 }

    /// Whether somebody asked for bytes: for code that would have to work for them.
    @inlinable
    public var wantsAnnotations: Bool { active.load(ordering: .relaxed) & Interest.annotations.rawValue != 0 }

    /// Notes bytes about the innermost job that is open. Copied, at most `annotationBytesMax` of them, and only while a
    /// consumer wants annotations. Says nothing by itself: while everything is still held back it is dropped.
    @inlinable
    public func annotate(_ key: UInt16, _ bytes: UnsafeRawBufferPointer) {
        if active.load(ordering: .relaxed) & Interest.annotations.rawValue != 0 { annotateWanted(key, bytes) }
    }

    /// The same for bytes that must be put together first: `fill` gets room for `annotationBytesMax` bytes, the process's
    /// own, and says how many it wrote. Not called, and nothing done, while nobody wants annotations.
    @inlinable
    public func annotate(_ key: UInt16, filling fill: (UnsafeMutableRawBufferPointer) -> Int) {
        guard active.load(ordering: .relaxed) & Interest.annotations.rawValue != 0 else { return }
        let count = min(max(fill(scratch), 0), Probe.annotationBytesMax)
        annotateWanted(key, UnsafeRawBufferPointer(rebasing: scratch[..<count]))
    }

    @usableFromInline
    @inline(never)
    func annotateWanted(_ key: UInt16, _ bytes: UnsafeRawBufferPointer) {
        guard heldCount == 0 else { return }
        let kept = UnsafeRawBufferPointer(
            start: bytes.baseAddress, count: min(bytes.count, Probe.annotationBytesMax))
        let position = annotations.append(kept)
        write(RawRecord.annotation(key: key, count: kept.count, position: position))
    }

    // MARK: Subjects

    /// Whether somebody asked what sessions are about: for code that would have to work for it.
    @inlinable
    public var wantsSubjects: Bool { active.load(ordering: .relaxed) & Interest.subjects.rawValue != 0 }

    /// Says what the innermost session that is open is about, from here on, and the script sessions that start inside it;
    /// with `ofNextScript` the script session that starts next, whatever the one around it is about. No bytes: nothing.
    /// Copied, at most `annotationBytesMax` of them, and only while a consumer wants subjects.
    @inlinable
    public func subject(_ bytes: UnsafeRawBufferPointer, ofNextScript: Bool = false) {
        if active.load(ordering: .relaxed) & Interest.subjects.rawValue != 0 { subjectWanted(bytes, ofNextScript) }
    }

    @usableFromInline
    @inline(never)
    func subjectWanted(_ bytes: UnsafeRawBufferPointer, _ isOfNextScript: Bool) {
        if heldCount > 0 {
            guard isOfNextScript else { return }
            release()
        }
        let kept = UnsafeRawBufferPointer(rebasing: bytes.prefix(Probe.annotationBytesMax))
        let position = annotations.append(kept)
        write(RawRecord.subject(count: kept.count, position: position, isOfNextScript: isOfNextScript))
    }

    // MARK: Writing

    @inline(__always)
    private func now() -> UInt64 { usesCounter ? TickSource.counter() : clock.now() }

    @inline(__always)
    private func write(_ word: UInt64) { ring.append(ticks: now(), word: word) }

    /// Writes a record of an earlier time: for adapters that learn of a session when it is over. Such a process has
    /// no passes of its own; the caller looks at `wanted` first.
    package func writeLate(_ verb: Verb, _ site: Site, status: Int32 = 0, ticks: UInt64) {
        let kind: RawRecord.Kind =
            switch verb {
            case .start: .start
            case .enter: .enter
            case .exit: .exit
            case .end: .end
            }
        ring.append(ticks: ticks, word: RawRecord.word(kind, site, status: status))
    }

    /// Whether a session that began now would record that site.
    package func wouldWant(_ site: Site) -> Bool { wanted.load(ordering: .relaxed) & site.interest.rawValue != 0 }

    /// Ticks now, on the clock that records bear.
    package var ticks: UInt64 { now() }
}
