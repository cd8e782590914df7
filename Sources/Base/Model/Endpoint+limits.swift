extension Endpoint.Format {
    /// Messages a minute that each robot takes before it refuses; `nil`: no such limit.
    ///
    /// - 企业微信: 20, https://developer.work.weixin.qq.com/document/path/91770
    /// - 钉钉: 20, then refused for ten minutes, https://open.dingtalk.com/document/robots/custom-robot-access
    /// - 飞书: 100, and 5 a second, https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
    public var messagesPerMinute: Int? {
        switch self {
        case .wecom, .dingtalk: 20
        case .feishu: 100
        case .cloudevents, .alertmanager, .text: nil
        }
    }

    /// Most changes in one message. Of the chats, so many that each still has room for what it is, where it is and
    /// when it was: 400 bytes of the 4,096 of 企业微信, and more elsewhere, where people would not read more at once.
    public var largestBatch: Int {
        switch self {
        case .cloudevents, .alertmanager: 100
        case .dingtalk, .feishu, .text: 20
        case .wecom: 10
        }
    }
}
