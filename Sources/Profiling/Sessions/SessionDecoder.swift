/// Turns the raw records of one process into sessions with depth, parents, links and wall time. Pure: records in,
/// records out.
///
/// A record of the process producer belongs to the innermost process session that is open, one of the script producer
/// to the innermost script session.
struct SessionDecoder {
    /// What is known of the process.
    let process: Int
    let type: Int

    /// A session that is open.
    private struct Open {
        var token: SessionToken
        var producer: Producer
        var site: Int
        var type: Int
        var depth = 1
        var calibration: Calibration
        var generation: UInt64
        var subject: [UInt8]?
        var annotations: [(depth: Int, annotation: Annotation)] = []
        /// Something that was noted was overwritten before it was read.
        var hasLostNotes = false
    }

    private var stack: [Open] = []
    private var link: (token: SessionToken, isCause: Bool)?
    /// What the next script session is about, where that was said; nil where it is about what the one around it is.
    private var subject: [UInt8]??
    private var lastTicks: UInt64 = 0
    private var sites: [SiteDescription] = []
    private let table: SiteTable
    /// Records that came while no session was open to which they could belong.
    private(set) var orphaned: UInt64 = 0

    init(process: Int, type: Int, table: SiteTable) {
        self.process = process
        self.type = type
        self.table = table
    }

    /// Whether a session is open.
    var isOpen: Bool { !stack.isEmpty }

    /// Decodes the record at `position` of the ring and appends what comes of it to `out`.
    mutating func decode(
        _ raw: RawRecord, position: UInt64, calibration: Calibration, generation: UInt64, bytes: AnnotationRing,
        into out: inout [Delivery]
    ) {
        guard let kind = raw.kind else { return }
        lastTicks = raw.ticks
        switch kind {
        case .start, .scriptStart:
            let producer: Producer = kind == .start ? .process : .script
            // A process session is never inside another: the one that is open was left without its end.
            if producer == .process, isOpen {
                let next = link
                cut(into: &out)
                link = next
            }
            start(raw, producer, position, calibration, generation, into: &out)
        case .enter: job(raw, entering: true, into: &out)
        case .exit: job(raw, entering: false, into: &out)
        case .end: end(raw, .process, into: &out)
        case .scriptEnd: end(raw, .script, into: &out)
        case .link: link = (raw.token, raw.isCause)
        case .annotation: annotate(raw, bytes)
        case .subject: name(raw, bytes)
        case .cut: cut(into: &out)
        }
    }

    /// Closes everything that is open, innermost first, as truncated.
    mutating func cut(into out: inout [Delivery]) {
        link = nil
        subject = nil
        while let open = stack.last { close(open, ticks: lastTicks, status: nil, isTruncated: true, into: &out) }
    }

    /// Forgets everything that is open, silently: for a reader that begins anew.
    mutating func forget() {
        stack.removeAll(keepingCapacity: true)
        link = nil
        subject = nil
    }

    private mutating func start(
        _ raw: RawRecord, _ producer: Producer, _ position: UInt64, _ calibration: Calibration,
        _ generation: UInt64, into out: inout [Delivery]
    ) {
        let site = description(raw.site)
        // Sessions inside another share its clock and its readers.
        let open = Open(
            token: SessionToken(position: position, process: process, isAnnotated: raw.isAnnotated), producer: producer,
            site: raw.site,
            type: producer == .process ? type : site.type, calibration: stack.last?.calibration ?? calibration,
            generation: stack.last?.generation ?? generation,
            subject: producer == .process ? nil : subject ?? stack.last?.subject)
        subject = nil
        var record = make(.start, open, name: site.name, ticks: raw.ticks)
        record.parent = stack.last?.token.rawValue
        record.link = link?.token.rawValue
        record.isLinkCause = link?.isCause ?? false
        record.isLinkAnnotated = link?.token.isAnnotated ?? false
        link = nil
        stack.append(open)
        out.append(Delivery(record: record, generation: open.generation, isAnnotated: open.token.isAnnotated))
    }

    private mutating func job(_ raw: RawRecord, entering: Bool, into out: inout [Delivery]) {
        let site = description(raw.site)
        let producer: Producer = site.interest == .script ? .script : .process
        guard let index = stack.lastIndex(where: { $0.producer == producer }) else {
            orphaned += 1
            return
        }
        if entering {
            stack[index].depth += 1
        } else if stack[index].depth > 1 {
            stack[index].depth -= 1
        }
        let name = entering ? site.name : site.exitName ?? site.name
        var record = make(entering ? .enter : .exit, stack[index], name: name, ticks: raw.ticks)
        record.file = site.file
        if site.file != nil { record.line = entering ? site.line : site.exitLine ?? site.line }
        if !entering {
            record.status = raw.status
            record.annotations = takeAnnotations(index, above: stack[index].depth)
        }
        out.append(
            Delivery(
                record: record, generation: stack[index].generation, isAnnotated: stack[index].token.isAnnotated))
    }

    private mutating func end(_ raw: RawRecord, _ producer: Producer, into out: inout [Delivery]) {
        guard let index = stack.lastIndex(where: { $0.producer == producer }) else {
            orphaned += 1
            return
        }
        // What was opened inside and not ended is cut.
        while stack.count > index + 1, let inner = stack.last {
            close(inner, ticks: raw.ticks, status: nil, isTruncated: true, into: &out)
        }
        close(stack[index], ticks: raw.ticks, status: raw.status, isTruncated: false, into: &out)
    }

    private mutating func close(
        _ open: Open, ticks: UInt64, status: Int32?, isTruncated: Bool, into out: inout [Delivery]
    ) {
        var record = make(.end, open, name: description(open.site).name, ticks: ticks)
        record.depth = 1
        record.status = status
        record.isTruncated = isTruncated || open.hasLostNotes
        record.annotations = takeAnnotations(stack.count - 1, above: 0)
        out.append(Delivery(record: record, generation: open.generation, isAnnotated: open.token.isAnnotated))
        stack.removeLast()
    }

    private mutating func annotate(_ raw: RawRecord, _ bytes: AnnotationRing) {
        guard let last = stack.indices.last else { return }
        guard let read = bytes.read(position: raw.annotationPosition, count: raw.annotationCount) else {
            stack[last].hasLostNotes = true
            return
        }
        let noted = stack[last].calibration.wallNanoseconds(at: raw.ticks)
        stack[last].annotations.append(
            (stack[last].depth, Annotation(key: raw.annotationKey, bytes: read, nanoseconds: noted)))
    }

    private mutating func name(_ raw: RawRecord, _ bytes: AnnotationRing) {
        let read = bytes.read(position: raw.annotationPosition, count: raw.annotationCount)
        let known = read.flatMap { $0.isEmpty ? nil : $0 }
        if raw.isOfNextScript || stack.isEmpty {
            subject = .some(known)
        } else {
            stack[stack.count - 1].subject = known
        }
    }

    private mutating func takeAnnotations(_ index: Int, above depth: Int) -> [Annotation] {
        guard !stack[index].annotations.isEmpty else { return [] }
        let taken = stack[index].annotations.filter { $0.depth > depth }.map(\.annotation)
        stack[index].annotations.removeAll { $0.depth > depth }
        return taken
    }

    private func make(_ verb: Verb, _ open: Open, name: String, ticks: UInt64) -> ProfilingRecord {
        ProfilingRecord(
            nanoseconds: open.calibration.wallNanoseconds(at: ticks), session: open.token.rawValue, verb: verb,
            producer: open.producer, name: name, type: open.type, depth: open.depth, subject: open.subject,
            process: process)
    }

    private mutating func description(_ number: Int) -> SiteDescription {
        if number >= sites.count { sites = table.snapshot() }
        return sites[number < sites.count ? number : 0]
    }
}
