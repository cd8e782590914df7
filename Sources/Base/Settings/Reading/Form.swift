import FireModel
import Foundation

/// How a scalar is written: what to expect, in words, and how to read it.
package struct Form<T> {
    package let expected: String
    /// `false` for what may hold a secret: then a problem does not repeat it.
    package var isShown = true
    package let parse: (String) -> T?

    package init(_ expected: String, isShown: Bool = true, _ parse: @escaping (String) -> T?) {
        self.expected = expected
        self.isShown = isShown
        self.parse = parse
    }
}

extension Form where T == Bool {
    package static var boolean: Form {
        Form("true or false") { $0 == "true" ? true : $0 == "false" ? false : nil }
    }
}

extension Form where T == Int {
    package static func whole(_ range: ClosedRange<Int>) -> Form {
        Form("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Form where T == Double {
    package static var number: Form {
        Form("a number such as 0.10") { text in
            // Swift reads `inf`, `nan` and hexadecimal too, which no threshold is.
            guard text.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }) else { return nil }
            return Double(text).flatMap { $0.isFinite ? $0 : nil }
        }
    }
}

extension Form where T == Duration {
    package static func duration(_ range: ClosedRange<Duration>) -> Form {
        let expected =
            "a duration from \(range.lowerBound.firesense) to \(range.upperBound.firesense), such as 30s or 90d"
        return Form(expected) { text in
            parseDuration(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Any from `lowest` on.
    package static func duration(from lowest: Duration) -> Form {
        Form("a duration of at least \(lowest.firesense), such as 30s or 90d") { text in
            parseDuration(text).flatMap { $0 >= lowest ? $0 : nil }
        }
    }
}

/// As everywhere, and with years of 365 days, which only retention is long enough for.
private func parseDuration(_ text: String) -> Duration? {
    guard text.hasSuffix("y"), let years = Int64(text.dropLast()), (0...1000).contains(years) else {
        return Duration(firesense: text)
    }
    return .seconds(years * 365 * 86_400)
}

extension Form where T == ByteSize {
    package static func size(from lowest: ByteSize, orZero: Bool) -> Form {
        let expected = "a size of at least \(lowest.bytes / (1 << 20))MiB" + (orZero ? ", or 0" : "")
        return Form(expected) { text in
            ByteSize(firesense: text).flatMap { $0.bytes >= lowest.bytes || orZero && $0.bytes == 0 ? $0 : nil }
        }
    }
}

extension Form where T: RawRepresentable & CaseIterable, T.RawValue == String {
    /// One of the words of an enumeration.
    package static var word: Form {
        let words = T.allCases.map(\.rawValue)
        return Form("one of " + words.joined(separator: ", ")) { T(rawValue: $0) }
    }
}

extension Form where T == ListenAddress {
    package static var listenAddress: Form {
        Form("address:port, such as 127.0.0.1:8470 or [::1]:8470") { ListenAddress($0) }
    }
}

extension Form where T == Network {
    package static var network: Form {
        Form("a network such as 10.20.0.0/16") { Network($0) }
    }
}

extension Form where T == Destination {
    package static var destination: Form {
        Form("a network, address or host, such as 10.20.0.0/16, duty.example.org or *.example.org") {
            Destination($0)
        }
    }
}

extension Form where T == String {
    package static var hostName: Form {
        Form("a host name or an address without a port, such as gateway.example or 10.1.2.3") {
            Names.isHostName($0) || IPAddress.bytes(of: $0) != nil ? $0 : nil
        }
    }

    package static func text(_ expected: String = "a text", upTo limit: Int = 1024, emptyAllowed: Bool = true) -> Form {
        Form("\(expected) of at most \(limit) bytes") { text in
            guard text.utf8.count <= limit, emptyAllowed || !text.isEmpty,
                !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
            else { return nil }
            return text
        }
    }

    /// A text that may have several lines.
    package static func lines(upTo limit: Int) -> Form {
        Form("a text of at most \(limit) bytes") { text in
            let isPrintable = text.unicodeScalars.allSatisfy {
                $0 == "\n" || $0.properties.generalCategory != .control
            }
            return text.utf8.count <= limit && isPrintable ? text : nil
        }
    }

    /// A path of a file; empty for none. Not shown, as people put secrets where their files belong.
    package static var path: Form {
        let form = text("a path", upTo: 4095)
        return Form(form.expected, isShown: false, form.parse)
    }

    package static var identifier: Form {
        Form("1–64 of 0-9 A-Z a-z _ . : -") { Names.isIdentifier($0) ? $0 : nil }
    }

    package static var area: Form {
        Form("an area, 1–32 of 0-9 A-Z a-z _ -") { Names.isArea($0) ? $0 : nil }
    }

    package static var host: Form {
        Form("a host name or address") { Names.isHostName($0) || IPAddress.bytes(of: $0) != nil ? $0 : nil }
    }

    package static var timeZone: Form {
        Form("a time zone such as Asia/Shanghai") { TimeZone(identifier: $0) == nil ? nil : $0 }
    }

    /// Never shown: many a service puts its key into the address.
    package static var webhookURL: Form {
        Form("an address that begins with http:// or https://", isShown: false) { text in
            guard let url = URL(string: text), let scheme = url.scheme?.lowercased(),
                scheme == "http" || scheme == "https",
                let host = url.host(), !host.isEmpty
            else { return nil }
            return text
        }
    }

    /// The start of a program: no shell looks for it.
    package static var word: Form { text("a word", upTo: 4095) }

    /// A topic filter of MQTT that leaves `fire/v1` alone: within one session a broker may send a message once
    /// per matching filter.
    package static var extraTopic: Form {
        Form("a topic filter outside fire/v1, such as zigbee2mqtt/+") {
            isTopicFilter($0) && !overlapsNative($0) ? $0 : nil
        }
    }
}

private func isTopicFilter(_ text: String) -> Bool {
    guard (1...1024).contains(text.utf8.count), !text.contains("\0") else { return false }
    let levels = text.split(separator: "/", omittingEmptySubsequences: false)
    return levels.enumerated().allSatisfy { index, level in
        if level == "#" { return index == levels.count - 1 }
        return level == "+" || !level.contains { $0 == "#" || $0 == "+" }
    }
}

private func overlapsNative(_ filter: String) -> Bool {
    let levels = filter.split(separator: "/", omittingEmptySubsequences: false)
    for (level, native) in zip(levels, ["fire", "v1"]) {
        if level == "#" { return true }
        if level != "+", level != native { return false }
    }
    return levels.count > 2
}
