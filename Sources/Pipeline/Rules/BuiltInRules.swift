import FireModel

/// Rules that hold whatever the rules files say (contract 2 and 6). Their ids cannot be taken by a file.
public enum BuiltInRules {
    /// Event `fire` or `manual_alarm`, the component bit `fire`, the metric `smoke`.
    public static let fire = "fire"
    public static let unknownEvent = "unknown-event"
    public static let implausibleValue = "implausible-value"

    public static let ids: Set<String> = [fire, unknownEvent, implausibleValue]

    static let all: [RuleDefinition] = [
        RuleDefinition(
            id: fire, kinds: [], category: .fire, severity: .critical, title: Title(zh: "火警", en: "Fire alarm"),
            when: Condition(subject: .metrics(["smoke", "fire"]), test: .equals(.boolean(true))), latch: true),
        RuleDefinition(
            id: fire, kinds: [], category: .fire, severity: .critical, title: Title(zh: "火警", en: "Fire alarm"),
            when: Condition(subject: .events([EventName.fire.rawValue]), test: .reported), latch: true),
        RuleDefinition(
            id: fire, kinds: [], category: .fire, severity: .critical,
            title: Title(zh: "手动火灾报警", en: "Manual fire alarm"),
            when: Condition(subject: .events([EventName.manualAlarm.rawValue]), test: .reported), latch: true),
    ]

    /// An event of a name nobody knows may be the important one.
    static let unknown = RuleDefinition(
        id: unknownEvent, kinds: [], category: .preAlarm, severity: .major,
        title: Title(zh: "未知事件", en: "Unknown event"), when: Condition(subject: .events([]), test: .reported))

    /// Three in a row outside the plausible range: most often a unit mistaken at commissioning.
    static let implausible = RuleDefinition(
        id: implausibleValue, kinds: [], category: .fault, severity: .minor,
        title: Title(zh: "数值不可信：请检查单位", en: "Implausible value: unit?"),
        when: Condition(subject: .metrics([]), test: .reported))
    static let implausibleInARow: UInt8 = 3
}
