import ArgumentParser
import FireModel

/// `firesense webhooks test`
struct WebhooksTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Sends a signed test event now and explains what came back.",
        discussion: "By the running daemon, as it would send an alarm. Ends with 1 when it was not accepted.")

    @Argument(help: "The endpoint's name.") var name: String
    @OptionGroup var source: SourceOptions

    @Option(help: "How to print.")
    var format = ListFormat.table

    func run() async throws {
        let test: EndpointTestBody = try await source.find().change { gateway in
            try await withProgress("waiting for the answer") { _ in
                try await gateway.post("/api/v1/webhooks/\(percentEncoded(name))/test", "{}")
            }
        }
        let result = test.test
        switch format {
        case .table: try Output.text(TestReport(test: result).text)
        case .csv: try Output.text(TestReport(test: result).csv)
        case .json:
            var json = JSONWriter()
            result.writeJSON(to: &json)
            try Output.line(json.text)
        }
        if !result.isAccepted { throw ExitCode(ExitStatus.failed) }
    }
}

/// What came back from a test, to be printed.
struct TestReport {
    var test: EndpointTest

    var text: String {
        let sent =
            "sent a test event to \(test.endpoint) at \(test.address), \(test.isSigned ? "signed" : "not signed")"
        let came = [test.status.map { "status \($0)" } ?? "no status", "in \(test.milliseconds) ms"]
        var lines = [sent, "came back: " + came.joined(separator: " ")]
        if let error = test.error { lines.append("error: " + error) }
        if let answer = test.answer, !answer.isEmpty { lines.append("it said: " + answer) }
        lines.append(test.isAccepted ? "OK: accepted" : "FAIL: " + remedy)
        if test.isAccepted, !test.isSigned {
            lines.append("WARN: anybody could send this; name a secret_file, and let the receiver check signatures")
        }
        return lines.map { printable($0) + "\n" }.joined()
    }

    var csv: String {
        var table = Table(
            ["endpoint", "address", "accepted", "signed", "status", "reason", "error", "answer", "milliseconds"].map(
                Table.Column.text))
        table.rows = [
            [
                test.endpoint, test.address, "\(test.isAccepted)", "\(test.isSigned)",
                test.status.map(String.init) ?? "", test.reason ?? "", test.error ?? "", test.answer ?? "",
                "\(test.milliseconds)",
            ]
        ]
        return table.csv
    }

    /// What to do about it. What the receiver says with its status is more than the kind of failure.
    var remedy: String { byStatus ?? byReason }

    private var byStatus: String? {
        switch test.status {
        case 401, 403:
            test.isSigned
                ? "it refuses the signature: compare secret_file with the receiver's secret, and both clocks"
                : "it wants a signature: name a secret_file for this endpoint"
        case 404: "it knows no such path: correct the url of this endpoint"
        case 405: "it takes no POST there: correct the url of this endpoint"
        case 408: "it waited too long for the request: look at the network between"
        case 410:
            "it says that it is gone for good: correct the url, or let the receiver take it again and then "
                + "firesense webhooks enable \(test.endpoint)"
        case 413: "the event is too large for it: raise the receiver's limit"
        case 415: "it does not read this content type: choose another format for this endpoint"
        case 429: "it gets too many requests: wait, and see what else sends to it"
        case .some(300..<400): "redirects are not followed: configure the final address"
        case .some(500...): "the receiver itself is in trouble: see its log"
        default: nil
        }
    }

    private var byReason: String {
        switch test.reason {
        case "refused": "nobody listens there: start the receiver, or correct host and port of the url"
        case "dns": "its name is not known: correct the url, or see the resolver (/etc/resolv.conf)"
        case "tls":
            "no trust in its certificate: name its authority in tls.ca_file, and see that the name in the url is the "
                + "certificate's and that both clocks are right"
        case "timeout": "it does not answer in time: see firewalls between, and whether the receiver works or hangs"
        case "unreachable": "no way leads there: see routes and the network's cables"
        case "closed": "it hangs up: see whether it speaks http or https, and its log"
        case "client_error": "it refuses what it was sent: see what it said, and the format of this endpoint"
        case "server_error": "the receiver itself is in trouble: see its log"
        case "throttled": "it gets too many requests: wait, and see what else sends to it"
        case "not_allowed": "add its host or network to webhooks_allow, or correct its url"
        case "handshake":
            "it has not agreed to be sent anything: let it answer OPTIONS with WebHook-Allowed-Origin, or set "
                + "handshake: false"
        case "command": "see what the program printed; run it by hand as the user of the service"
        case "unsendable": "it cannot be sent from here: firesense check names what is wrong with this endpoint"
        default: "see what it said, and the receiver's log"
        }
    }
}
