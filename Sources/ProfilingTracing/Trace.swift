import Synchronization

/// The spans of one session while its outermost one is open. Any thread.
final class Trace: Sendable {
    /// A span: number 0 is the outermost.
    struct Node {
        var name: String
        var file: String
        var line: Int
        var begin: UInt64
        var end: UInt64?
        var status: Int32 = 0
        var inner: [Int] = []
    }

    private struct Contents {
        var spans: [Node] = []
        var isWritten = false
    }

    private let tracer: ProfilingTracer
    private let contents = Mutex(Contents())

    init(tracer: ProfilingTracer) { self.tracer = tracer }

    /// Begins a span and gives its number; none when the session is over or full.
    func begin(_ name: String, file: String, line: Int, parent: Int?, ticks: UInt64) -> Int? {
        contents.withLock { contents in
            guard !contents.isWritten, contents.spans.count < ProfilingTracer.spansMax else { return nil }
            let number = contents.spans.count
            contents.spans.append(Node(name: name, file: file, line: line, begin: ticks))
            if let parent { contents.spans[parent].inner.append(number) }
            return number
        }
    }

    /// Changes a span that is still open.
    func update(_ number: Int, _ body: (inout Node) -> Void) {
        contents.withLock { contents in
            guard !contents.isWritten, contents.spans[number].end == nil else { return }
            body(&contents.spans[number])
        }
    }

    func isOpen(_ number: Int) -> Bool {
        contents.withLock { !$0.isWritten && $0.spans[number].end == nil }
    }

    /// Ends a span; with the outermost the session is written, and what is still open ends with it.
    func end(_ number: Int) {
        let ticks = tracer.ticks
        let finished: [Node]? = contents.withLock { contents in
            guard !contents.isWritten, contents.spans[number].end == nil else { return nil }
            contents.spans[number].end = ticks
            guard number == 0 else { return nil }
            contents.isWritten = true
            defer { contents.spans = [] }
            return contents.spans
        }
        if let finished { tracer.write(finished, end: ticks) }
    }
}
