// swift-tools-version: 6.2
import PackageDescription

// Every target of ours: warnings are errors, Swift 6 language mode.
// `unsafeToo` adds strict memory safety for the modules that touch raw memory,
// so that each unsafe use is marked where it stands.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let unsafeToo: [SwiftSetting] = strict + [.strictMemorySafety()]
// That nobody else is at a variable meanwhile is checked at run time in debug builds, with which the tests run; for
// each reading that is stored it would cost a tenth of the whole.
let checkedInDebug: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// A Debian library behind a module map; the header shim is the whole target.
func library(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/Bindings/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// A room of ours. Folder names stay plain, module names carry the prefix `Fire`:
/// a module called `Dispatch` would collide with libdispatch, `Logging` with swift-log.
func room(
    _ floor: String, _ name: String, _ dependencies: [Target.Dependency],
    settings: [SwiftSetting] = strict
) -> Target {
    .target(
        name: "Fire\(name)", dependencies: dependencies, path: "Sources/\(floor)/\(name)",
        swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: path ?? "Tests/\(name)Tests",
        swiftSettings: strict)
}

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let http = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
// What stands between the socket and Hummingbird is a handler of ours; Hummingbird brings both packages anyway.
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
// AsyncHTTPClient takes certificates in its form.
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let yaml = Target.Dependency.product(name: "Yams", package: "Yams")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

/// The commit that is built, for `firesense version`.
let commit = Context.gitInformation.map { String($0.currentCommit.prefix(12)) } ?? "unknown"

let package = Package(
    name: "FireSense",
    products: [
        .executable(name: "firesense", targets: ["firesense"]),
        .executable(name: "firesense-simulator", targets: ["firesense-simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    // Listed in the order the data flows. A target may import what it names here and
    // nothing else; the build is run with --explicit-target-dependency-import-check error.
    targets: [
        // C, and the only modules that import it.
        library("CMosquitto", pkgConfig: "libmosquitto", apt: "libmosquitto-dev"),
        library("CSystemd", pkgConfig: "libsystemd", apt: "libsystemd-dev"),
        library("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        .target(
            name: "CSimdjson", path: "Sources/Bindings/CSimdjson",
            linkerSettings: [.linkedLibrary("simdjson")]),
        .target(
            name: "CBuild", path: "Sources/Bindings/CBuild",
            cSettings: [.define("FIRESENSE_COMMIT", to: "\"\(commit)\"")]),
        room("Bindings", "MQTT", ["CMosquitto"], settings: unsafeToo),
        room("Bindings", "Systemd", ["CSystemd"], settings: unsafeToo),
        room("Bindings", "JSON", ["CSimdjson"], settings: unsafeToo),
        room("Bindings", "Zstd", ["CZstd"], settings: unsafeToo),

        // Values, configuration, counters.
        room("Base", "Model", [], settings: strict + checkedInDebug),
        .target(
            name: "FireDefaults", path: "Config",
            resources: [
                .embedInCode("firesense.yaml"), .embedInCode("device-kinds.yaml"), .embedInCode("rules.yaml"),
            ]
                + ["hydrant", "panel", "electrical", "charger", "smoke", "event"].map {
                    .embedInCode("rule-tests/\($0)-tests.yaml")
                },
            swiftSettings: strict),
        room("Base", "Settings", ["FireModel", "FireDefaults", yaml]),
        room("Base", "Telemetry", [log]),

        // The way of a message. No stage imports another.
        room("Pipeline", "Intake", ["FireMQTT", "FireRing", "FireModel", "FireTelemetry", log]),
        room("Pipeline", "Ring", [], settings: unsafeToo),
        room("Pipeline", "Normalise", ["FireJSON", "FireModel", "FireTelemetry"]),
        room("Pipeline", "Rules", ["FireModel", crypto, heap], settings: strict + checkedInDebug),
        room("Pipeline", "Import", ["FireModel"]),
        room(
            "Pipeline", "Store", ["FireZstd", "FireModel", "FireTelemetry", grdb, sqlite],
            settings: unsafeToo + checkedInDebug),
        room(
            "Pipeline", "Dispatch",
            ["FireMQTT", "FireModel", "FireTelemetry", http, nio, nioPosix, nioSSL, subprocess, system, crypto, log]),
        room(
            "Pipeline", "Serve",
            [
                "FireModel", "FireTelemetry", hummingbird, hummingbirdTLS, nio, nioHTTP1, nioHTTPTypes, crypto, log,
            ]),

        // The one place that knows every stage, and the command line on top of it.
        room(
            "Daemon", "Assembly",
            [
                "CBuild", "FireMQTT", "FireSystemd", "FireModel", "FireSettings", "FireTelemetry", "FireIntake",
                "FireRing",
                "FireNormalise", "FireRules", "FireImport", "FireStore", "FireDispatch", "FireServe", lifecycle,
                signals, log,
            ]),
        // The rules without the daemon: their tests, and what they would have done.
        room("Daemon", "Rehearsal", ["FireModel", "FireSettings", "FireRules", "FireStore", yaml]),
        .executableTarget(
            name: "firesense",
            dependencies: [
                "FireAssembly", "FireRehearsal", "FireModel", "FireSettings", "FireTelemetry", "FireNormalise",
                "FireJSON",
                "FireStore", "FireMQTT", "FireSystemd", http, nio, arguments, log,
            ],
            path: "Sources/Daemon/firesense", swiftSettings: strict),
        .target(
            name: "FireDevices", dependencies: ["FireModel"], path: "Simulator/Devices", swiftSettings: strict),
        .executableTarget(
            name: "firesense-simulator", dependencies: ["FireDevices", "FireModel", "FireMQTT", arguments, histogram],
            path: "Simulator", exclude: ["Devices"], swiftSettings: strict),
        .executableTarget(
            name: "store-bench",
            dependencies: ["FireDevices", "FireModel", "FireStore", arguments, sqlite],
            path: "Tests/StoreBench", swiftSettings: unsafeToo),

        .executableTarget(
            name: "rule-bench", dependencies: ["FireModel", "FireRules", "FireSettings", arguments],
            path: "Tests/RuleBench", swiftSettings: strict),

        tests("Model", ["FireModel"]),
        tests("Settings", ["FireSettings", "FireModel"]),
        tests("Telemetry", ["FireTelemetry", log]),
        tests("Intake", ["FireIntake", "FireMQTT", "FireRing", "FireModel", "FireTelemetry", log]),
        tests("Ring", ["FireRing"]),
        tests("Normalise", ["FireNormalise", "FireJSON", "FireModel", "FireSettings"]),
        tests("Import", ["FireImport", "FireDevices", "FireModel"]),
        tests("Rules", ["FireRules", "FireModel", "FireSettings"]),
        tests("Rehearsal", ["FireRehearsal", "FireModel", "FireSettings"]),
        tests("Store", ["FireStore", "FireDevices", "FireModel", grdb]),
        .target(name: "PowerLossVFS", path: "Tests/PowerLossVFS", linkerSettings: [.linkedLibrary("sqlite3")]),
        tests("PowerLoss", ["PowerLossVFS", "FireStore", "FireDevices", "FireModel", grdb]),
        tests("Dispatch", ["FireDispatch", "FireMQTT", "FireModel", "FireTelemetry", crypto, hummingbird, log]),
        tests(
            "Serve",
            [
                "FireServe", "FireModel", "FireTelemetry", hummingbird, hummingbirdTesting, nio, nioEmbedded, nioHTTP1,
                nioHTTPTypes, log,
            ]),
        tests("Simulator", ["firesense-simulator", "FireDevices", "FireModel"]),
        tests(
            "Daemon",
            [
                "firesense", "firesense-simulator", "FireAssembly", "FireRehearsal", "FireModel", "FireSettings",
                "FireTelemetry", "FireMQTT", "FireIntake", "FireRing", "FireRules", "FireStore", "FireDispatch",
                hummingbird, crypto, log,
            ]),
    ],
    cxxLanguageStandard: .cxx17
)
