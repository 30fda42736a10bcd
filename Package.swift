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

/// The server's own targets: release builds optimise over targets and leave out the dynamic exclusivity checks, which debug
/// builds, and so the tests, make. Not for the products that others depend on.
let settings =
    librarySettings + [
        .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release))
    ]

/// Targets that read hostile or untrusted text use no unsafe construct that is not marked as such.
let strictSettings = settings + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")

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
    ],
    targets: [
        // F0
        .target(name: "CPlatform"),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .target(name: "Bytes", swiftSettings: settings),
        // F1
        .target(name: "Profiling", dependencies: ["CPlatform"], swiftSettings: librarySettings),
        .target(name: "SIPMessage", dependencies: ["Bytes"], swiftSettings: strictSettings),
        .target(name: "RouteLanguage", dependencies: ["Bytes"], swiftSettings: strictSettings),
        .target(name: "JSONRPC", swiftSettings: strictSettings),
        // F2
        .target(name: "Reactor", dependencies: ["Profiling", "CPlatform"], swiftSettings: settings),
        .target(name: "SIPTransaction", dependencies: ["SIPMessage", "Bytes"], swiftSettings: strictSettings),
        .target(name: "ProfileAnalysis", dependencies: ["Profiling", "JSONRPC"], swiftSettings: settings),
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
            name: "RouteRuntime",
            dependencies: ["RouteLanguage", "SIPMessage", "Reactor", "Profiling", "Bytes", logging],
            swiftSettings: settings),
        .target(name: "Location", dependencies: ["SIPMessage", "Bytes"], swiftSettings: strictSettings),
        // F4
        .target(
            name: "Modules",
            dependencies: [
                "RouteRuntime", "RouteLanguage", "SIPStack", "SIPTransaction", "SIPTransport", "Location", "SIPMessage",
                "Reactor", "Profiling", "Bytes", logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Management", dependencies: ["JSONRPC", "Reactor", "Profiling", "CPlatform", logging],
            swiftSettings: settings),
        .target(
            name: "Events", dependencies: ["Management", "JSONRPC", "Reactor", "Profiling", "CPlatform", logging],
            swiftSettings: settings),
        // F5
        .target(
            name: "Server",
            dependencies: [
                "Modules", "Management", "Events", "Location", "RouteRuntime", "RouteLanguage", "SIPStack",
                "SIPTransport", "SIPTransaction", "SIPMessage", "JSONRPC", "Reactor", "Profiling", "Bytes", "CPlatform",
                logging,
            ],
            swiftSettings: settings),
        .target(
            name: "Demo", dependencies: ["SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform"],
            swiftSettings: settings),
        .executableTarget(
            name: "sipray",
            dependencies: [
                "Server", "Demo", "Modules", "Reactor", "Management", "JSONRPC", "ProfileAnalysis", "RouteLanguage",
                "Profiling", argumentParser,
                logging,
            ],
            swiftSettings: settings),
        // Benchmarks
        .executableTarget(
            name: "profiling-benchmark", dependencies: ["Profiling", "CPlatform"], path: "Benchmarks/Profiling",
            swiftSettings: settings),
        .executableTarget(
            name: "transport-benchmark",
            dependencies: ["SIPTransport", "Reactor", "Profiling", "Bytes", "CPlatform", "AllocationCounting"],
            path: "Benchmarks/Transport", swiftSettings: settings),
        .executableTarget(
            name: "message-benchmark", dependencies: ["SIPMessage", "Bytes", "CPlatform", "AllocationCounting"],
            path: "Benchmarks/SIPMessage", swiftSettings: settings),
        .executableTarget(
            name: "stack-benchmark",
            dependencies: [
                "Modules", "RouteRuntime", "RouteLanguage", "SIPStack", "SIPTransaction", "SIPTransport", "Location",
                "SIPMessage", "Reactor", "Profiling", "Bytes", "CPlatform", "AllocationCounting",
            ],
            path: "Benchmarks/Stack", swiftSettings: settings),
        // Tests
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(name: "AllocationCounting", dependencies: ["CAllocationCounter"], path: "Tests/AllocationCounting"),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"]),
        .testTarget(name: "ProfilingTests", dependencies: ["Profiling", "AllocationCounting"]),
        .testTarget(name: "SIPMessageTests", dependencies: ["SIPMessage", "Bytes", "AllocationCounting"]),
        .testTarget(name: "RouteLanguageTests", dependencies: ["RouteLanguage", "Bytes"]),
        .testTarget(name: "JSONRPCTests", dependencies: ["JSONRPC"]),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Profiling", "CPlatform", "AllocationCounting"]),
        .testTarget(name: "SIPTransactionTests", dependencies: ["SIPTransaction", "SIPMessage", "Bytes"]),
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
                "Reactor", "Profiling", "Bytes",
            ]),
        .testTarget(name: "ManagementTests", dependencies: ["Management", "JSONRPC", "Reactor", "Profiling"]),
        .testTarget(name: "EventsTests", dependencies: ["Events", "Management", "JSONRPC", "Reactor", "Profiling"]),
    ],
    cLanguageStandard: .gnu17
)

// scripts/test builds the ring and its users once more under ThreadSanitizer; the rest of the house would only cost time
// there (and the standard library's Mutex is not known to that sanitizer).
if Context.environment["SIPRAY_ONLY_PROFILING"] != nil {
    let kept: Set<String> = ["CPlatform", "Profiling", "ProfilingTests", "CAllocationCounter", "AllocationCounting"]
    package.targets.removeAll { !kept.contains($0.name) }
    package.products.removeAll { $0.name != "Profiling" }
    package.dependencies = []
}
