import FireModel

/// State of one key (rule, series).
struct KeyState: Equatable {
    /// -1: the rule was dropped by a reload, or the place is vacant.
    var rule: Int32
    /// The anchor series.
    var series: Int32
    /// The next state of the same series, -1: none.
    var next: Int32
    /// The earliest timer that is set for it.
    var timerAt: Int64?
    var machine = AlarmMachine()
    private var standing = Standing.none
    var lastValue: Value?
    /// Of the last input that stated the cause.
    var lastDetail: String?
    var lastQuality: Quality = []
    /// Of the last raise, to count raises of one key at one time.
    var lastRaisedAt: Timestamp?
    var ordinal = 0
    /// From the stored alarms at start.
    var restored: Restored?

    init(rule: Int32, series: Int32, next: Int32) {
        self.rule = rule
        self.series = series
        self.next = next
    }

    /// The active alarm.
    var alarm: Alarm? {
        get { if case .alarm(let alarm) = standing { alarm } else { nil } }
        set { standing = newValue.map { .alarm($0) } ?? .none }
    }

    var hasAlarm: Bool { standing.isAlarm }

    /// Apart, or the many states that have no alarm would all be as large as one.
    private indirect enum Standing: Equatable {
        case none, alarm(Alarm)
        var isAlarm: Bool { if case .alarm = self { true } else { false } }
    }
}

/// Set for a place in `states`; what has become of it since, only its state can tell.
struct Timer: Comparable {
    var deadline: Int64
    var state: Int32
    static func < (a: Timer, b: Timer) -> Bool { a.deadline < b.deadline }
}
