import FireModel

/// What people are told in one message, before a format gives it its form.
struct Notice {
    /// The colour of its heading, where there are colours; the gravest first.
    enum Tone: Int { case fire, critical, major, minor, other, drill, cleared, service }

    /// One alarm, or the whole of a message about the service itself.
    struct Entry {
        var headline: String
        /// Below the headline, by lines; of a template, all of it.
        var text: String
        var isTemplate = false

        /// Headline and lines.
        var whole: String { isTemplate ? text : text.isEmpty ? headline : headline + "\n" + text }
    }

    /// For where a message has a heading of its own, and for the list of chats.
    var title: String
    var tone: Tone
    var entries: [Entry]
    var language: Endpoint.Language

    /// Stands behind entries that had no room.
    func leftOut(_ count: Int) -> String {
        language == .zh
            ? "……另有 \(count) 条报警消息未显示，请到网关查看" : "… and \(count) more alarms that had no room: see the gateway"
    }
}

extension Notice {
    /// - Parameter plain: Makes text of others harmless where it will stand.
    /// - Throws: `DecodingError` for a snapshot that is not an alarm.
    init(_ changes: [Change], for endpoint: Endpoint, clock: LocalClock, plain: @escaping (String) -> String) throws {
        let texts = try changes.map { change in
            AlarmText(
                alarm: try Alarm(snapshot: change.snapshot),
                change: AlarmChange.Kind(eventType: change.delivery.type), changedAt: change.delivery.time,
                language: endpoint.language, clock: clock, plain: plain, isReplay: change.delivery.replayedAt != nil)
        }
        // Of several, what burns comes first, and a drill after what burns. They are different alarms, so none overtakes
        // itself.
        let ordered =
            texts.filter(\.burns) + texts.filter(\.isFireDrill)
            + texts.filter { !$0.burns && !$0.isFireDrill }
        let template = endpoint.template.isEmpty ? nil : TextTemplate(endpoint.template)
        entries = ordered.map { text in
            let own = template?.text(text.value) ?? ""
            // A robot refuses an empty text, and nobody would read of the alarm.
            return own.allSatisfy(\.isWhitespace)
                ? Entry(headline: text.headline, text: text.lines.joined(separator: "\n"))
                : Entry(headline: text.headline, text: own, isTemplate: true)
        }
        language = endpoint.language
        tone = ordered.map(\.tone).min { $0.rawValue < $1.rawValue } ?? .other
        title = texts.count == 1 ? entries[0].headline : Self.summary(texts, endpoint.language)
    }

    private static func summary(_ texts: [AlarmText], _ language: Endpoint.Language) -> String {
        let fires = texts.count(where: \.burns)
        let drills = texts.count(where: \.alarm.drill)
        switch language {
        case .zh:
            return (fires > 0 ? "🔥" : "") + "\(texts.count) 条报警消息" + (fires > 0 ? "，火警 \(fires) 条" : "")
                + (drills > 0 ? "，【演练】\(drills) 条" : "")
        case .en:
            return (fires > 0 ? "🔥 " : "") + "\(texts.count) alarms" + (fires > 0 ? ", fire: \(fires)" : "")
                + (drills > 0 ? ", [DRILL]: \(drills)" : "")
        }
    }

    /// `firesense.test`: cannot be taken for an alarm.
    static func test(gateway: String, endpoint: Endpoint, at time: String, plain: (String) -> String) -> Notice {
        service(
            zh: ("🔔【测试】FireSense 推送测试", "这是一条测试消息，并非报警，无需处理。收到即表示推送正常。"),
            en: (
                "🔔 [TEST] FireSense test message",
                "This is a test, not an alarm; nothing needs to be done. It has arrived."
            ),
            facts: [
                ("网关", "Gateway", plain(gateway)), ("推送目标", "Endpoint", plain(endpoint.name)), ("时间", "Time", time),
            ], endpoint.language)
    }

    /// `firesense.heartbeat`
    static func heartbeat(
        gateway: String, endpoint: Endpoint, at time: String, figures: DeliveryFigures, plain: (String) -> String
    ) -> Notice {
        service(
            zh: ("💓 FireSense 心跳", nil), en: ("💓 FireSense heartbeat", nil),
            facts: [
                ("网关", "Gateway", plain(gateway)), ("时间", "Time", time),
                ("待推送", "Pending", "\(figures.pending)"), ("已送达", "Delivered", "\(figures.delivered)"),
                ("失败次数", "Failed attempts", "\(figures.failed)"),
            ], endpoint.language)
    }

    private static func service(
        zh: (title: String, text: String?), en: (title: String, text: String?),
        facts: [(zh: String, en: String, text: String)], _ language: Endpoint.Language
    ) -> Notice {
        let own = language == .zh ? zh : en
        let lines = facts.map { language == .zh ? "\($0.zh)：\($0.text)" : "\($0.en): \($0.text)" }
        let entry = Entry(
            headline: own.title, text: ((own.text.map { [$0] } ?? []) + lines).joined(separator: "\n"))
        return Notice(title: own.title, tone: .service, entries: [entry], language: language)
    }
}

extension AlarmText {
    /// In earnest.
    fileprivate var burns: Bool { alarm.category == .fire && alarm.state == .active && !alarm.drill }
    fileprivate var isFireDrill: Bool { alarm.category == .fire && alarm.state == .active && alarm.drill }

    fileprivate var tone: Notice.Tone {
        if alarm.state == .cleared { return .cleared }
        if alarm.drill { return .drill }
        if alarm.category == .fire { return .fire }
        switch alarm.severity {
        case .critical: return .critical
        case .major: return .major
        case .minor: return .minor
        case .warning, .info: return .other
        }
    }
}
