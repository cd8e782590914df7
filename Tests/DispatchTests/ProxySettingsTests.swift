import Testing

@testable import FireDispatch

@Suite struct ProxySettingsTests {
    private let settings = ProxySettings(environment: [
        "https_proxy": "http://user:pass@proxy.example:3128", "HTTP_PROXY": "10.0.0.1:8080",
        "no_proxy": "localhost, .duty.example,10.20.0.0/16, exact.example",
    ])

    @Test func eachSchemeHasItsProxy() {
        #expect(
            settings.proxy(scheme: "https", host: "cloud.example")
                == .init(isSocks: false, host: "proxy.example", port: 3128, credentials: "user:pass"))
        #expect(
            settings.proxy(scheme: "HTTP", host: "cloud.example")
                == .init(isSocks: false, host: "10.0.0.1", port: 8080, credentials: nil))
    }

    @Test(arguments: ["localhost", "duty.example", "a.duty.example", "A.Duty.Example", "10.20.1.1", "exact.example"])
    func whatIsNearIsReachedStraight(_ host: String) { #expect(settings.proxy(scheme: "http", host: host) == nil) }

    @Test(arguments: ["xduty.example", "10.21.1.1", "notlocalhost"])
    func whatOnlyLooksNearIsNot(_ host: String) { #expect(settings.proxy(scheme: "http", host: host) != nil) }

    @Test func lowerCaseGoesBeforeUpperCase() {
        let both = ProxySettings(environment: ["http_proxy": "a:1", "HTTP_PROXY": "b:2"])
        #expect(both.proxy(scheme: "http", host: "x.example")?.host == "a")
    }

    @Test func starIsNoProxyAtAll() {
        let off = ProxySettings(environment: ["all_proxy": "socks5://[::1]", "NO_PROXY": "*"])
        #expect(off.proxy(scheme: "http", host: "x.example") == nil)
        let on = ProxySettings(environment: ["all_proxy": "socks5://[::1]"])
        #expect(
            on.proxy(scheme: "https", host: "x.example")
                == .init(isSocks: true, host: "::1", port: 1080, credentials: nil))
    }

    @Test(arguments: ["", "ftp://proxy:1", "http://"]) func whatCannotBeUsedIsNone(_ text: String) {
        #expect(ProxySettings(environment: ["http_proxy": text]).proxy(scheme: "http", host: "x.example") == nil)
    }
}
