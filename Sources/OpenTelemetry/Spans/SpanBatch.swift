/// Who makes the spans: the server (OTLP `Resource`).
package struct Resource: Sendable, Hashable {
    package var attributes: [Attribute]

    package init(attributes: [Attribute]) { self.attributes = attributes }
}

/// What makes the spans within the server (OTLP `InstrumentationScope`).
package struct InstrumentationScope: Sendable, Hashable {
    package var name: String
    package var version: String

    package init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}

/// Spans to be sent in one request, with what they have in common.
package struct SpanBatch: Sendable, Hashable {
    package var resource: Resource
    package var scope: InstrumentationScope
    package var spans: [Span]

    package init(resource: Resource, scope: InstrumentationScope, spans: [Span]) {
        self.resource = resource
        self.scope = scope
        self.spans = spans
    }
}

/// One who takes ended spans: the exporter, or a test's recorder.
///
/// Resource and scope are given to the exporter when it is made; they don't change.
package protocol SpanExporter: AnyObject, Sendable {
    /// Takes spans over, any number of them, for sending at some time. Any thread; never waits: what its bounded queue does not
    /// hold is counted as lost there.
    func submit(_ spans: [Span])
}
