import FireModel

/// The ways out, one of each for all endpoints.
struct Senders: Sender {
    let webhooks: WebhookClient
    /// `nil`: no broker to publish to.
    let broker: BrokerSender?
    let commands: CommandSender

    func send(_ message: Message, to endpoint: Endpoint, now: Timestamp) async -> Answer {
        switch endpoint.channel {
        case .http: await webhooks.send(message, to: endpoint, now: now)
        case .command: await commands.send(message, to: endpoint, now: now)
        case .mqtt:
            if let broker {
                await broker.send(message, to: endpoint, now: now)
            } else {
                Answer(failure: Failure(reason: .unsendable, text: "there is no broker to publish to"), took: .zero)
            }
        }
    }

    func signingTime(for endpoint: Endpoint, now: Timestamp) -> Timestamp {
        webhooks.signingTime(for: endpoint, now: now)
    }

    func shutdown() async {
        await webhooks.shutdown()
        await broker?.shutdown()
    }
}
