import Testing

@testable import OpenTelemetry

@Suite struct TracingSettingsTests {
    private func name(_ settings: TracingSettings) -> AttributeValue? {
        settings.resource.first { $0.key == "service.name" }?.value
    }

    @Test func theEnvironmentOfTheSpecification() {
        #expect(name(TracingSettings()) == "sipray")
        let settings = TracingSettings(environment: [
            "OTEL_SERVICE_NAME": "edge", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other, deployment.environment.name=a%2Cb ,team=",
            "OTEL_SDK_DISABLED": "TRUE",
        ])
        #expect(name(settings) == "edge" && settings.isDisabled && settings.sampler == .ratio(0.5))
        #expect(settings.resource.map(\.key) == ["service.name", "deployment.environment.name", "team"])
        #expect(settings.resource[1].value == "a,b" && settings.resource[2].value == "")
        #expect(settings.problems.isEmpty)
        #expect(name(TracingSettings(environment: ["OTEL_RESOURCE_ATTRIBUTES": "service.name=x"])) == "x")
    }

    @Test func anEmptyValueIsNone() {
        let settings = TracingSettings(environment: [
            "OTEL_SDK_DISABLED": "", "OTEL_SERVICE_NAME": "", "OTEL_TRACES_SAMPLER": "",
        ])
        #expect(settings.problems.isEmpty && name(settings) == "sipray")
    }

    @Test func theResourceSaysWhatTheServerIs() {
        let resource = Resource.server(
            TracingSettings(environment: ["OTEL_RESOURCE_ATTRIBUTES": "host.name=mine"]), version: "1.2")
        let keys = resource.attributes.map(\.key)
        for key in [
            "service.name", "service.version", "service.instance.id", "host.name", "process.pid",
            "process.executable.name", "os.type", "os.name", "os.version", "telemetry.sdk.name",
            "telemetry.sdk.language",
            "telemetry.sdk.version",
        ] { #expect(keys.count { $0 == key } == 1, "\(key)") }
        #expect(resource.attributes.first { $0.key == "host.name" }?.value == "mine")
    }

    static let masks: [(Redaction, String, String)] = [
        ([], "sip:bob@a.org", "sip:bob@a.org"), (.users, "sip:bob:pw@a.org;x=1", "sip:***@a.org;x=1"),
        (.users, "<SIPS:bob@a.org>, \"B\" <sip:a.org>", "<SIPS:***@a.org>, \"B\" <sip:a.org>"),
        (.numbers, "sip:+49151123456@a.org", "sip:***56@a.org"), (.numbers, "sip:bob@a.org", "sip:bob@a.org"),
        (.numbers, "tel:+49-151-12;phone-context=x", "tel:***12"), (.users, "xsip:bob@a.org", "xsip:bob@a.org"),
        (.numbers, "sip:100@a.org", "sip:***@a.org"), (.users, "sip:alice,b@a.org", "sip:***@a.org"),
        (.users, "sip:4915?x@a.org;y=1", "sip:***@a.org;y=1"),
        (.users, "sip:a.org,sip:b@c.org", "sip:a.org,sip:***@c.org"),
        (.users, "sip:" + String(repeating: "u", count: 300), "sip:***"), (.users, "sip:a.org?to=x", "sip:a.org?to=x"),
        (.digest, "Authorization : Digest a=\"b\"\r\nB: 2", "Authorization : ***\r\nB: 2"),
        (.digest, "got Proxy-Authorization\t:Digest a=\"b\"", "got Proxy-Authorization\t: ***"),
        (.digest, "its credentials are digest username = \"bob\", uri=\"x\"", "its credentials are digest ***"),
        (.digest, "Subject: Reader's Digest of today", "Subject: Reader's Digest of today"),
        (
            .digest, "A: 1\r\nAuthorization: Digest a=\"b\",\r\n c=d\r\nB: 2\r\n",
            "A: 1\r\nAuthorization: ***\r\nB: 2\r\n"
        ),
    ]

    /// Texts that were cut: what they end in may be a user whose `@` is missing.
    static let cuts: [(Redaction, String, String)] = [
        ([], "to sip:alice", "to sip:alice"), (.users, "to sip:alice", "to sip:***"),
        (.users, "to <sip:" + String(repeating: "a", count: 255), "to <sip:***"), (.users, "to sip:", "to sip:***"),
        (.users, "sip:bob@a.org and more", "sip:***@a.org and more"), (.users, "sip:a.org at", "sip:a.org at"),
        (.numbers, "to sip:+491511234", "to sip:***34"), (.numbers, "to sip:alice", "to sip:alice"),
    ]

    @Test(arguments: cuts) func redactionOfWhatWasCut(what: Redaction, text: String, masked: String) {
        #expect(what.apply(to: text, isCut: true) == masked)
        #expect(what.apply(toURI: text, isCut: true) == masked)
    }

    @Test(arguments: masks) func redaction(what: Redaction, text: String, masked: String) {
        #expect(what.apply(to: text) == masked)
    }
}
