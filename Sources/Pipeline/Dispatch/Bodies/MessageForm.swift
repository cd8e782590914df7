import FireModel

/// Makes messages for an endpoint in the format it wants.
struct MessageForm: Sendable {
    var gateway: String
    /// Of the times in texts for people.
    var timeZone = "Asia/Shanghai"

    /// - Parameters:
    ///   - changes: At least one; more only where the endpoint's `batch` allows it.
    ///   - at: The time to sign with, for robots whose signature is part of the message.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    func message(for changes: [Change], to endpoint: Endpoint, at: Timestamp) throws -> Message {
        let id = WebhookID.id(ofBatch: changes.map(\.delivery.id))
        var message: Message
        switch endpoint.format {
        case .cloudevents:
            message = events(
                id, changes.map { CloudEvent.body($0.delivery, gateway: gateway, snapshot: $0.snapshot) }, endpoint)
        case .alertmanager:
            message = Message(
                id: id, contentType: AlertmanagerBody.contentType,
                body: try AlertmanagerBody.body(
                    receiver: endpoint.name, snapshots: changes.map(\.snapshot), language: endpoint.language))
        case .wecom, .dingtalk, .feishu, .text:
            let notice = try Notice(
                changes, for: endpoint, clock: LocalClock(zone: timeZone), plain: plain(endpoint.format))
            message = self.message(id, notice, endpoint, at)
        }
        message.changes = changes
        return message
    }

    /// `firesense.heartbeat`.
    func heartbeat(id: String, to endpoint: Endpoint, at: Timestamp, figures: DeliveryFigures) -> Message {
        switch endpoint.format {
        case .cloudevents:
            let event = CloudEvent.heartbeat(
                id: id, gateway: gateway, endpoint: endpoint.name, at: at, figures: figures)
            return events(id, [event], endpoint)
        case .alertmanager:
            return Message(
                id: id, contentType: AlertmanagerBody.contentType,
                body: AlertmanagerBody.heartbeat(
                    receiver: endpoint.name, gateway: gateway, at: at, figures: figures, language: endpoint.language))
        case .wecom, .dingtalk, .feishu, .text:
            let notice = Notice.heartbeat(
                gateway: gateway, endpoint: endpoint, at: LocalClock(zone: timeZone).text(at), figures: figures,
                plain: plain(endpoint.format))
            return message(id, notice, endpoint, at)
        }
    }

    /// `firesense.test`, for `webhooks test`. Nobody can take it for an alarm.
    func test(id: String, to endpoint: Endpoint, at: Timestamp) -> Message {
        switch endpoint.format {
        case .cloudevents:
            let event = CloudEvent.test(id: id, gateway: gateway, endpoint: endpoint.name, at: at)
            return events(id, [event], endpoint)
        case .alertmanager:
            return Message(
                id: id, contentType: AlertmanagerBody.contentType,
                body: AlertmanagerBody.test(
                    receiver: endpoint.name, gateway: gateway, at: at, language: endpoint.language))
        case .wecom, .dingtalk, .feishu, .text:
            let notice = Notice.test(
                gateway: gateway, endpoint: endpoint, at: LocalClock(zone: timeZone).text(at),
                plain: plain(endpoint.format))
            return message(id, notice, endpoint, at)
        }
    }

    /// An endpoint that asks for batches gets nothing else, so that its content type never changes.
    private func events(_ id: String, _ events: [[UInt8]], _ endpoint: Endpoint) -> Message {
        if endpoint.batch <= 1, events.count == 1 {
            return Message(id: id, contentType: CloudEvent.contentType, body: events[0])
        }
        return Message(id: id, contentType: CloudEvent.batchContentType, body: CloudEvent.batch(events))
    }

    /// In a format for people; the others have none of their own here.
    private func message(_ id: String, _ notice: Notice, _ endpoint: Endpoint, _ time: Timestamp) -> Message {
        switch endpoint.format {
        case .wecom:
            return Message(id: id, contentType: WeComBody.contentType, body: WeComBody.body(notice))
        case .dingtalk:
            return Message(
                id: id, contentType: DingTalkBody.contentType, body: DingTalkBody.body(notice),
                query: RobotSignature.dingtalk(endpoint.secrets, at: time))
        case .feishu:
            let signature = RobotSignature.feishu(endpoint.secrets, at: time)
            return Message(
                id: id, contentType: FeishuBody.contentType, body: FeishuBody.body(notice, signature: signature))
        case .text, .cloudevents, .alertmanager:
            return Message(id: id, contentType: PlainTextBody.contentType, body: PlainTextBody.body(notice))
        }
    }

    private func plain(_ format: Endpoint.Format) -> (String) -> String {
        format.isChat ? { ForeignText.chat($0) } : { ForeignText.line($0) }
    }
}
