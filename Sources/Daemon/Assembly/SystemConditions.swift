import FireModel
import FireRules

/// The gateway's own troubles, each an alarm of category `system` (contract 3, 4, 7).
enum SystemConditionID: String, Sendable {
    case storeNotWritable = "store-not-writable"
    case configurationInvalid = "configuration-invalid"
    case urgentQuarantined = "urgent-message-quarantined"
    case brokerDisconnected = "broker-disconnected"
    case clockNotSynchronised = "clock-not-synchronised"
    case webhookFailing = "webhook-failing"
    case webhookGone = "webhook-gone"
    case deliveryDead = "delivery-dead"

    func condition(component: String?) -> SystemCondition {
        switch self {
        case .storeNotWritable:
            make(component, .critical, "存储不可写", "The store cannot be written")
        case .configurationInvalid:
            make(component, .critical, "配置无效，使用上次配置运行", "Configuration invalid, running on the last accepted one")
        case .urgentQuarantined:
            // One per device and hour, counted (contract 3.3).
            make(component, .major, "紧急消息无法解析", "An urgent message could not be read", expiresAfter: 3_600_000)
        case .brokerDisconnected:
            make(component, .critical, "与消息服务器断开", "Disconnected from the broker")
        case .clockNotSynchronised:
            make(component, .major, "时钟未同步", "The clock is not synchronised")
        case .webhookFailing:
            make(component, .major, "告警推送失败", "Webhook endpoint failing")
        case .webhookGone:
            make(component, .critical, "告警推送地址已失效 (410)", "Webhook endpoint gone (410)")
        case .deliveryDead:
            make(component, .major, "告警推送已放弃", "Webhook delivery given up", expiresAfter: 24 * 3_600_000)
        }
    }

    /// It stands until its endpoint, the component, works again.
    var isOfAnEndpoint: Bool { self == .webhookFailing || self == .webhookGone }

    /// When a stored alarm of the gateway itself ends without being told again.
    static func expiry(of alarm: Alarm) -> Int64? {
        SystemConditionID(rawValue: alarm.rule)?.condition(component: nil).expiresAfter
    }

    private func make(
        _ component: String?, _ severity: AlarmSeverity, _ zh: String, _ en: String, expiresAfter: Int64? = nil
    ) -> SystemCondition {
        SystemCondition(
            rule: rawValue, component: component, severity: severity, title: Title(zh: zh, en: en),
            expiresAfter: expiresAfter)
    }
}
