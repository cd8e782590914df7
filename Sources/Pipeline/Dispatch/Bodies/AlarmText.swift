import FireModel

/// One change of an alarm in words, for an officer who reads it on a phone: what and where in the first line, then one
/// fact a line.
struct AlarmText {
    let alarm: Alarm
    /// `nil`: a type that this version does not know.
    let change: AlarmChange.Kind?
    let changedAt: Timestamp
    let language: Endpoint.Language
    let clock: LocalClock
    /// Makes text of others harmless where it will stand.
    let plain: (String) -> String
    /// It was told before.
    var isReplay = false

    private var isChinese: Bool { language == .zh }

    func word(_ title: Title) -> String { title.text(in: language) }

    // MARK: - The first line

    /// `🔥【火警】手动火灾报警 · 玄武湖小区`
    var headline: String {
        let title = plain(word(alarm.title))
        let what = title == word(alarm.category.title) ? nil : title
        let text = joined([what, place], " · ") ?? title
        let marks = [
            isReplay ? mark(word(AlarmWords.replay)) : "", drillMark, icon, mark(word(alarm.category.title)), lateMark,
            changeMark,
        ]
        return (marks.filter { !$0.isEmpty } + [text]).joined(separator: isChinese ? "" : " ")
    }

    var drillMark: String { alarm.drill ? mark(word(AlarmWords.drill)) : "" }
    var lateMark: String { alarm.late ? mark(word(AlarmWords.late)) : "" }
    var reraisedMark: String { alarm.reraised ? mark(word(AlarmWords.reraised)) : "" }

    /// Nothing but an active fire has the flame.
    private var icon: String {
        if alarm.state == .cleared { return "✅" }
        if alarm.category == .fire { return "🔥" }
        switch alarm.severity {
        case .critical: return "🔴"
        case .major: return "🟠"
        case .minor: return "🟡"
        case .warning: return "🔵"
        case .info: return "⚪"
        }
    }

    private var changeMark: String {
        switch change {
        case .raised, nil: ""
        case .updated:
            alarm.reraised && !alarm.acknowledged && alarm.state == .active
                ? reraisedMark : mark(word(AlarmChange.Kind.updated.title))
        case .cleared: mark(word(alarm.state.title))
        case .verdict:
            mark(
                [word(AlarmChange.Kind.verdict.title), alarm.verdict.map { word($0.title) }].compactMap(\.self)
                    .joined(separator: colon))
        case .escalated, .acknowledged, .occurrence: mark(word(change?.title ?? AlarmChange.Kind.updated.title))
        }
    }

    private var place: String {
        joined([alarm.device.site, alarm.device.name].map { $0.map(plain) }, " ")
            ?? alarm.device.address.map(plain) ?? plain(alarm.device.id)
    }

    // MARK: - The facts

    /// Below the first line.
    var lines: [String] {
        let device = alarm.device
        var lines: [(zh: String, en: String, text: String?)] = [
            ("级别", "Severity", word(alarm.severity.title) + " · " + word(alarm.state.title)),
            ("地点", "Where", joined([device.site, device.address, device.area].map { $0.map(plain) }, " · ")),
            ("设备", "Device", named(device.name, [device.id, device.kind])),
            ("部件", "Component", alarm.component.flatMap { named(alarm.componentName, [$0, alarm.componentType]) }),
            ("涉及", "Devices", devices),
            ("数值", "Value", measured),
            ("说明", "Detail", alarm.detail.map(plain)),
            ("设备自报", "Device says", flags),
            ("报警时间", "Raised", clock.text(alarm.raisedAt)),
        ]
        // What was on its way for more than a minute is told, for the crew counts from the one and the log from the other.
        if alarm.late || alarm.receivedAt - alarm.raisedAt > 60_000 {
            lines.append(("接收时间", "Received", clock.text(alarm.receivedAt)))
        }
        if alarm.occurrences > 1 {
            lines.append(("次数", "Occurrences", "\(alarm.occurrences) · \(clock.text(alarm.lastOccurrenceAt))"))
        }
        lines += [
            ("接警", "Acknowledged", acknowledged), ("核实", "Verdict", verdict), ("解除", "Cleared", cleared),
            ("责任单位", "Owner", device.owner.map(plain)),
        ]
        let facts = lines.compactMap { zh, en, text -> String? in
            guard let text, !text.isEmpty else { return nil }
            return (isChinese ? zh : en) + colon + text
        }
        return facts + ["FireSense \(plain(alarm.gateway)) · \(plain(alarm.id))"]
    }

    private var devices: String? {
        guard !alarm.devices.isEmpty else { return nil }
        let first = alarm.devices.prefix(5).map(plain).joined(separator: ", ")
        return "\(alarm.devices.count) · \(first)\(alarm.devices.count > 5 ? ", …" : "")"
    }

    /// That a smoke detector's smoke is "true" need not be told.
    private var measured: String? {
        guard let value = alarm.value else { return nil }
        if case .boolean = value { return nil }
        let limit = alarm.limit.map { limit in
            bracketed((isChinese ? "限值 " : "limit ") + withUnit(number(limit)))
        }
        return withUnit(text(value)) + (limit ?? "")
    }

    private var flags: String? {
        alarm.flags.isEmpty ? nil : alarm.flags.map { plain(word(AlarmWords.flag($0))) }.joined(separator: ", ")
    }

    private var acknowledged: String? {
        guard alarm.acknowledged else { return nil }
        return joined(
            [alarm.acknowledgedBy.map(plain), alarm.acknowledgedAt.map(clock.text), alarm.acknowledgedNote.map(plain)],
            " · ")
    }

    private var verdict: String? {
        guard let verdict = alarm.verdict else { return nil }
        return joined(
            [
                word(verdict.title), alarm.verdictCause.map(plain), alarm.verdictBy.map(plain),
                alarm.verdictNote.map(plain),
            ],
            " · ")
    }

    private var cleared: String? {
        guard let clearedAt = alarm.clearedAt else { return nil }
        return joined(
            [clock.text(clearedAt), alarm.clearedReason.map { word($0.title) }, alarm.clearedBy.map(plain)], " · ")
    }

    // MARK: - For templates

    /// What stands at a place of a template; empty where there is nothing.
    func value(_ place: TextTemplate.Place) -> String {
        let device = alarm.device
        let text: String? =
            switch place {
            case .headline: headline
            case .text: ([headline] + lines).joined(separator: "\n")
            case .title: plain(word(alarm.title))
            case .category: word(alarm.category.title)
            case .severity: word(alarm.severity.title)
            case .state: word(alarm.state.title)
            case .type: change.map { word($0.title) }
            case .device: plain(device.id)
            case .name: device.name.map(plain)
            case .address: device.address.map(plain)
            case .site: device.site.map(plain)
            case .area: plain(device.area)
            case .kind: plain(device.kind)
            case .owner: device.owner.map(plain)
            case .component: joined([alarm.componentName, alarm.component].map { $0.map(plain) }, " ")
            case .devices: devices
            case .value: alarm.value.map(self.text)
            case .unit: alarm.unit.map { plain(AlarmWords.unit($0)) }
            case .limit: alarm.limit.map(number)
            case .metric: alarm.metric.map(plain)
            case .detail: alarm.detail.map(plain)
            case .raisedAt: clock.text(alarm.raisedAt)
            case .receivedAt: clock.text(alarm.receivedAt)
            case .changedAt: clock.text(changedAt)
            case .clearedAt: alarm.clearedAt.map(clock.text)
            case .clearedBy: alarm.clearedBy.map(plain)
            case .clearedReason: alarm.clearedReason.map { word($0.title) }
            case .acknowledgedAt: alarm.acknowledgedAt.map(clock.text)
            case .acknowledgedBy: alarm.acknowledgedBy.map(plain)
            case .acknowledgedNote: alarm.acknowledgedNote.map(plain)
            case .verdict: alarm.verdict.map { word($0.title) }
            case .verdictBy: alarm.verdictBy.map(plain)
            case .verdictCause: alarm.verdictCause.map(plain)
            case .verdictNote: alarm.verdictNote.map(plain)
            case .drill: drillMark
            case .late: lateMark
            case .reraised: reraisedMark
            case .flags: flags
            case .occurrences: String(alarm.occurrences)
            case .rule: plain(alarm.rule)
            case .gateway: plain(alarm.gateway)
            case .id: plain(alarm.id)
            case .revision: String(alarm.revision)
            }
        return text ?? ""
    }

    // MARK: - Pieces

    private var colon: String { isChinese ? "：" : ": " }

    private func mark(_ word: String) -> String { isChinese ? "【\(word)】" : "[\(word.uppercased())]" }

    private func bracketed(_ text: String) -> String { isChinese ? "（\(text)）" : " (\(text))" }

    private func named(_ name: String?, _ rest: [String?]) -> String? {
        let ids = joined(rest.map { $0.map(plain) }, " · ")
        guard let name = name.map(plain), !name.isEmpty else { return ids }
        return name + (ids.map(bracketed) ?? "")
    }

    private func joined(_ parts: [String?], _ separator: String) -> String? {
        let parts = parts.compactMap(\.self).filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: separator)
    }

    private func withUnit(_ number: String) -> String {
        alarm.unit.map { number + " " + plain(AlarmWords.unit($0)) } ?? number
    }

    private func text(_ value: Value) -> String {
        switch value {
        case .number(let number): self.number(number)
        case .boolean(let isTrue): isChinese ? (isTrue ? "是" : "否") : (isTrue ? "yes" : "no")
        case .text(let text): plain(text)
        }
    }

    /// Four decimals, for what was a 32-bit number at the device reads 0.09000000357.
    private func number(_ number: Double) -> String {
        let rounded = (number * 10_000).rounded() / 10_000
        return shortest(rounded.isFinite && number.magnitude >= 0.001 ? rounded : number)
    }
}
