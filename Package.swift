// swift-tools-version: 6.2
// The floors of the house (docs/ARCHITECTURE.md). Imports go down only: a target may import what it names here
// and nothing else; scripts/check enforces it with --explicit-target-dependency-import-check error.
import PackageDescription

/// Settings of every Swift target: Swift 6 language mode comes with the tools version.
let librarySettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// The server's own targets: release builds optimise over targets and leave out the dynamic exclusivity checks, which
/// debug builds, and so the tests, make. Not for the products that others depend on.
let settings =
    librarySettings + [
        .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release))
    ]

/// Targets that read hostile or untrusted text use no unsafe construct that is not marked as such.
let strictSettings = settings + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

let package = Package(
    name: "sipray",
    products: [
        .executable(name: "sipray", targets: ["sipray"]),
        .library(name: "Profiling", targets: ["Profiling"]),
        .library(name: "ProfilingTracing", targets: ["ProfilingTracing"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        // F0
        .target(name: "CPlatform"),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        // A target of its own: grpc-swift brings another module with the same C types, which may not meet this one in a
        // compile.
        .target(name: "Compression", dependencies: ["CZlib"], swiftSettings: settings),
        .target(name: "Bytes", swiftSettings: settings),
        // F1
        .target(name: "Profiling", dependencies: ["CPlatform"], swiftSettings: librarySettings),
        .target(name: "SIPMessage", dependencies: ["Bytes"], swiftSettings: strictSettings),
        .target(name: "RouteLanguage", dependencies: ["Bytes"], swiftSettings: strictSettings),
        .target(name: "JSONRPC", swiftSettings: strictSettings),
        // F2
        .target(name: "Reactor", dependencies: ["Profiling", "CPlatform"], swiftSettings: settings),
        .target(name: "SIPTransaction", dependencies: ["SIPMessage", "Bytes"], swiftSettings: strictSettings),
        .target(name: "SIPDialog", dependencies: ["SIPMessage", "Bytes"], swiftSettings: strictSettings),
        .target(name: "ProfileAnalysis", dependencies: ["Profiling", "JSONRPC", "Bytes"], swiftSettings: settings),
        .target(name: "ProfilingTracing", dependencies: ["Profiling", tracing], swiftSettings: librarySettings),
        // F3
        .target(
            name: "SIPTransport",
            dependencies: ["SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform", "CAres", logging],
            swiftSettings: settings),
        .target(
            name: "SIPStack",
            dependencies: [
                "SIPTransaction", "SIPTransport", "SIPMessage", "Reactor", "Profiling", "Bytes", logging,
            ],
            swiftSettings: settings),
        .target(
            name: "SIPConnections",
            dependencies: ["SIPTransport", "SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform", logging] + nio,
            swiftSettings: settings),
        .target(
            name: "RouteRuntime",
            dependencies: ["RouteLanguage", "SIPMessage", "Reactor", "Profiling", "Bytes", logging],
            swiftSettings: settings),
        .target(name: "Location", dependencies: ["SIPMessage", "Bytes"], swiftSettings: strictSettings),
        // F4
        .target(
            name: "Modules",
            dependencies: [
                "RouteRuntime", "RouteLanguage", "SIPStack", "SIPTransaction", "SIPDialog", "SIPTransport", "Location",
                "SIPMessage", "JSONRPC", "Reactor", "Profiling", "Bytes", "CPlatform", logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Management", dependencies: ["JSONRPC", "Reactor", "Profiling", "Bytes", "CPlatform", logging],
            swiftSettings: settings),
        .target(
            name: "Events", dependencies: ["Management", "JSONRPC", "Reactor", "Profiling", "CPlatform", logging],
            swiftSettings: settings),
        .target(
            name: "ManagementHTTP",
            dependencies: [
                "Management", "JSONRPC", "Reactor", "Profiling", logging,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + nio,
            swiftSettings: settings),
        .target(
            name: "RESTClient",
            dependencies: [
                "Modules", "RouteRuntime", "RouteLanguage", "Reactor", "Profiling", "Bytes", logging, httpClient,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + nio,
            swiftSettings: settings),
        .target(
            name: "OpenTelemetry",
            dependencies: [
                "SIPMessage", "Reactor", "Profiling", "JSONRPC", "Bytes", "CPlatform", "Compression", logging,
                httpClient, crypto,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ] + nio,
            swiftSettings: settings),
        // F5
        .target(
            name: "Server",
            dependencies: [
                "Modules", "Management", "ManagementHTTP", "Events", "OpenTelemetry", "RESTClient", "SIPConnections",
                "Location", "RouteRuntime", "RouteLanguage", "SIPStack",
                "SIPTransport", "SIPTransaction", "SIPMessage", "JSONRPC", "Reactor", "Profiling", "Bytes", "CPlatform",
                logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Demo",
            dependencies: [
                "SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform",
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + nio,
            swiftSettings: settings),
        .executableTarget(
            name: "sipray",
            dependencies: [
                "Server", "Demo", "Modules", "Reactor", "Management", "ManagementHTTP", "JSONRPC", "ProfileAnalysis",
                "RouteLanguage", "Profiling", "Bytes", argumentParser,
                logging,
            ],
            swiftSettings: settings),
        // Benchmarks
        .executableTarget(
            name: "profiling-benchmark", dependencies: ["Profiling", "CPlatform"], path: "Benchmarks/Profiling",
            swiftSettings: settings),
        .executableTarget(
            name: "event-delivery-benchmark", dependencies: ["Events", "Reactor", "Profiling", "CPlatform", logging],
            path: "Benchmarks/EventDelivery", swiftSettings: settings),
        .executableTarget(
            name: "transport-benchmark",
            dependencies: ["SIPTransport", "Reactor", "Profiling", "Bytes", "CPlatform", "AllocationCounting"],
            path: "Benchmarks/Transport", swiftSettings: settings),
        .executableTarget(
            name: "message-benchmark", dependencies: ["SIPMessage", "Bytes", "CPlatform", "AllocationCounting"],
            path: "Benchmarks/SIPMessage", swiftSettings: settings),
        .executableTarget(
            name: "events-benchmark", dependencies: ["Events", "Profiling", "CPlatform"], path: "Benchmarks/Events",
            swiftSettings: settings),
        .executableTarget(
            name: "stack-benchmark",
            dependencies: [
                "Modules", "RouteRuntime", "RouteLanguage", "SIPStack", "SIPTransaction", "SIPTransport", "Location",
                "SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform", "AllocationCounting",
            ],
            path: "Benchmarks/Stack", swiftSettings: settings),
        .executableTarget(
            name: "opentelemetry-benchmark",
            dependencies: ["OpenTelemetry", "JSONRPC", "CPlatform", "AllocationCounting", logging],
            path: "Benchmarks/OpenTelemetry", swiftSettings: settings),
        // Tests
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(name: "AllocationCounting", dependencies: ["CAllocationCounter"], path: "Tests/AllocationCounting"),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"]),
        .testTarget(name: "ProfilingTests", dependencies: ["Profiling", "AllocationCounting"]),
        .testTarget(name: "SIPMessageTests", dependencies: ["SIPMessage", "Bytes", "AllocationCounting"]),
        .testTarget(name: "RouteLanguageTests", dependencies: ["RouteLanguage", "Bytes"]),
        .testTarget(name: "ServerTests", dependencies: ["Server"]),
        .testTarget(name: "JSONRPCTests", dependencies: ["JSONRPC"]),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Profiling", "CPlatform", "AllocationCounting"]),
        .testTarget(name: "SIPTransactionTests", dependencies: ["SIPTransaction", "SIPMessage", "Bytes"]),
        .testTarget(name: "SIPDialogTests", dependencies: ["SIPDialog", "SIPMessage", "Bytes"]),
        .testTarget(name: "ProfileAnalysisTests", dependencies: ["ProfileAnalysis", "Profiling", "JSONRPC"]),
        .testTarget(name: "ProfilingTracingTests", dependencies: ["ProfilingTracing", "Profiling", tracing]),
        .testTarget(
            name: "SIPTransportTests",
            dependencies: ["SIPTransport", "SIPMessage", "Reactor", "Profiling", "Bytes", "AllocationCounting"]),
        .testTarget(
            name: "SIPStackTests",
            dependencies: [
                "SIPStack", "SIPTransaction", "SIPTransport", "SIPMessage", "Reactor", "Profiling", "Bytes",
                "AllocationCounting",
            ]),
        .testTarget(
            name: "RouteRuntimeTests",
            dependencies: [
                "RouteRuntime", "RouteLanguage", "SIPMessage", "Reactor", "Profiling", "Bytes", "AllocationCounting",
            ]),
        .testTarget(name: "LocationTests", dependencies: ["Location", "SIPMessage", "Bytes"]),
        .testTarget(
            name: "ModulesTests",
            dependencies: [
                "Modules", "RouteRuntime", "RouteLanguage", "SIPStack", "SIPTransport", "Location", "SIPMessage",
                "Reactor", "Profiling", "Bytes", "AllocationCounting",
            ]),
        .testTarget(name: "ManagementTests", dependencies: ["Management", "JSONRPC", "Reactor", "Profiling"]),
        .testTarget(
            name: "ManagementHTTPTests", dependencies: ["ManagementHTTP", "Management", "JSONRPC", "Reactor"]),
        .testTarget(
            name: "SIPConnectionsTests",
            dependencies: [
                "SIPConnections", "SIPTransport", "SIPMessage", "Reactor", "Profiling", "Bytes", logging,
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio),
        .testTarget(
            name: "OpenTelemetryTests",
            dependencies: [
                "OpenTelemetry", "Compression", "SIPMessage", "Reactor", "Profiling", "JSONRPC", "Bytes",
                "AllocationCounting",
                logging,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
            ]),
        .testTarget(name: "EventsTests", dependencies: ["Events", "Management", "JSONRPC", "Reactor", "Profiling"]),
    ],
    cLanguageStandard: .gnu17
)

// SIPRAY_ONLY=TARGET[,TARGET…] leaves only those targets and what they depend on: scripts/test builds the ring and its
// users once more under ThreadSanitizer, and who works on a low floor need not build the packages of the high ones.
if let only = Context.environment["SIPRAY_ONLY"], !only.isEmpty {
    var kept: Set<String> = []
    var packages: Set<String> = []
    var waiting = only.split(separator: ",").map(String.init)
    while let name = waiting.popLast() {
        guard kept.insert(name).inserted, let target = package.targets.first(where: { $0.name == name }) else {
            continue
        }
        for dependency in target.dependencies {
            switch dependency {
            case .targetItem(let name, _), .byNameItem(let name, _): waiting.append(name)
            case .productItem(_, let name, _, _): name.map { _ = packages.insert($0) }
            @unknown default: break
            }
        }
    }
    package.targets.removeAll { !kept.contains($0.name) }
    package.products.removeAll { !kept.contains($0.name) }
    package.dependencies.removeAll { dependency in
        guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
        return !packages.contains { location.hasSuffix("/" + $0) }
    }
}
