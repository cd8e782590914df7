import FireModel
import Testing

@Suite struct DestinationTests {
    private func list(_ texts: String...) -> [Destination] { texts.compactMap { Destination($0) } }

    @Test func emptyListAllowsEverything() {
        #expect([Destination]().allow(host: "anywhere.example", addresses: []))
    }

    @Test func namesAreComparedWithoutCaseAndWhole() {
        let allowed = list("duty.example.org", "*.brigade.example")
        #expect(allowed.count == 2)
        #expect(allowed.allow(host: "Duty.Example.org", addresses: []))
        #expect(allowed.allow(host: "a.b.brigade.example", addresses: []))
        #expect(!allowed.allow(host: "brigade.example", addresses: ["10.0.0.1"]))
        #expect(!allowed.allow(host: "evil-duty.example.org", addresses: ["10.0.0.1"]))
        #expect(!allowed.allow(host: "duty.example.org.evil.example", addresses: ["10.0.0.1"]))
        #expect(!allowed.allow(host: "xbrigade.example", addresses: []))
    }

    @Test func everyAddressOfAHostMustBeInANetwork() {
        let allowed = list("10.20.0.0/16", "fd00::/8")
        #expect(allowed.allow(host: "10.20.3.4", addresses: ["10.20.3.4"]))
        #expect(allowed.allow(host: "duty.example", addresses: ["10.20.0.1", "fd00::1"]))
        #expect(!allowed.allow(host: "duty.example", addresses: ["10.20.0.1", "127.0.0.1"]))
        #expect(!allowed.allow(host: "duty.example", addresses: []))
        #expect(!allowed.allow(host: "10.21.0.1", addresses: ["10.21.0.1"]))
    }

    @Test(arguments: ["", "*", "*.", "http://a.example", "a b", "10.0.0.0/33", "*.10.0.0.0/8", "a/b"])
    func whatIsNoDestinationIsRefused(_ text: String) { #expect(Destination(text) == nil) }

    @Test(arguments: ["10.20.0.0/16", "duty.example.org", "*.example.org", "fd00::/8"])
    func isWrittenAsItWasRead(_ text: String) { #expect(Destination(text)?.description == text) }
}
