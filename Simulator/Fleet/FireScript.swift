import FireDevices
import FireModel

/// The scripted fire: a smoke alarm raises it, its panel follows, the sounder answers.
struct FireScript: Sendable, Equatable {
    struct Step: Sendable, Equatable {
        /// Since the start of the run.
        var after: Duration
        var kind: Kind
        var device: String
        var event: EventName
        var component: String?
        var detail: String
        /// The alarm that must follow (contract 6).
        var category: AlarmCategory
        var severity: AlarmSeverity
    }

    var steps: [Step]

    /// A fleet without a panel has a fire without one; without a smoke alarm there is none.
    init(at start: Duration, in plan: FleetPlan) {
        steps = []
        guard plan[.smoke] > 0 else { return }
        steps.append(
            Step(
                after: start, kind: .smoke, device: FleetPlan.name(.smoke, 1), event: .fire, component: nil,
                detail: "模拟火警 simulated fire", category: .fire, severity: .critical))
        guard plan[.panel] > 0 else { return }
        let panel = FleetPlan.name(.panel, 1)
        steps.append(
            Step(
                after: start + .seconds(1), kind: .panel, device: panel, event: .fire,
                component: Panel.fireComponent, detail: "3层走道感烟 corridor, 3rd floor", category: .fire,
                severity: .critical))
        steps.append(
            Step(
                after: start + .seconds(2), kind: .panel, device: panel, event: .feedback,
                component: Panel.feedbackComponent, detail: "声光警报器 sounder", category: .linkage,
                severity: .minor))
    }
}
