import Foundation
import Testing

@testable import firesense

@Suite struct CommandLineSourceTests {
    @Test(arguments: [
        ("10.0.0.5:8470", "http://10.0.0.5:8470"), ("http://gateway:8470/", "http://gateway:8470"),
        ("https://[::1]:8470", "https://[::1]:8470"), ("gateway", "http://gateway"),
    ])
    func addressesAreTakenAsPeopleWriteThem(text: String, base: String) throws {
        #expect(try GatewayAddress(text).base == base)
    }

    @Test(arguments: ["", "ftp://gateway", "http://", "http://gateway/api", "http://u:p@gateway", "a b"])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(throws: Failure.self) { try GatewayAddress(text) }
    }

    @Test func aControlSocketIsAnAddressToo() {
        #expect(
            GatewayAddress.controlSocket("/run/firesense/control.sock").base
                == "http+unix://%2Frun%2Ffiresense%2Fcontrol.sock")
    }

    @Test func parametersAreEncoded() {
        #expect(query([("a", "1"), ("b", nil), ("c", "x y+ü&=")]) == "?a=1&c=x%20y%2B%C3%BC%26%3D")
        #expect(query([("a", nil)]) == "")
    }

    @Test func socketsThatNobodyListensBehindAreNamedWithTheReason() throws {
        let scratch = try Scratch()
        let missing = scratch.path("missing.sock")
        let long = "/" + String(repeating: "x", count: 200)
        guard case .none(let tried) = ControlSocket.find([missing, missing, long]) else {
            Issue.record("something was found")
            return
        }
        #expect(tried == ["\(missing) (No such file or directory)", "\(long) (longer than a socket's path may be)"])
    }

    @Test func aDatabaseThatIsNotThereIsNamedWithTheRemedy() async throws {
        let scratch = try Scratch()
        let options = try SourceOptions.parse(["--database", scratch.path("none.sqlite")])
        let error = await #expect(throws: Failure.self) {
            try await options.find(environment: [:]).read { try await $0.readingCount() }
        }
        let text = error?.description ?? ""
        #expect(text.contains("none.sqlite (No such file or directory)"))
        #expect(text.contains("control.sock"))
        #expect(text.contains("--address"))
    }

    @Test func aNamedDatabaseDoesNotLeadToTheInstalledDaemon() throws {
        let place = try SourceOptions.parse(["--database", "/var/tmp/x/fire.sqlite"]).find(environment: [:]).place
        #expect(place.controlSockets == ["/var/tmp/x/control.sock"])
        let usual = try SourceOptions.parse([]).find(environment: [:]).place
        #expect(usual.controlSockets.last == "/run/firesense/control.sock")
    }

    @Test func theAddressMayComeFromTheEnvironment() throws {
        let environment = ["FIRESENSE_ADDRESS": "gateway:1", "FIRESENSE_TOKEN_FILE": "t"]
        let place = try SourceOptions.parse([]).find(environment: environment).place
        #expect(place.address == "gateway:1")
        #expect(place.tokenFile == "t")
        #expect(try SourceOptions.parse(["--database", "x"]).find(environment: environment).place.address == nil)
        #expect(try SourceOptions.parse(["--address", "b"]).find(environment: environment).place.address == "b")
        #expect(try SourceOptions.parse([]).find(environment: ["FIRESENSE_ADDRESS": ""]).place.address == nil)
    }

    @Test func aConfigurationThatIsAskedForMustBeThere() {
        #expect(throws: Failure.self) { try ConfigurationOption.parse(["--config", "/nowhere/firesense.yaml"]).load() }
    }

    @Test func listsAreCollectedPageByPage() async throws {
        let all = try await collect(2500) { limit, cursor in
            let start = Int(cursor ?? "0") ?? 0
            let items = Array(start..<min(3000, start + limit))
            return .init(items: items, next: items.last.flatMap { $0 < 2999 ? "\($0 + 1)" : nil })
        }
        #expect(all.items == Array(0..<2500))
        #expect(all.next == "2500")
    }
}
