import FireModel

/// Group robot of 飞书, a card: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
///
/// A card rather than a message of type `text`, in which `<at user_id="all">` mentions everybody: the elements are
/// `plain_text`, which knows no markup (https://open.feishu.cn/document/ukTMukTMukTM/uUzNwUjL1cDM14SN3ATN). Its heading
/// has a colour that is seen before anything is read.
enum FeishuBody {
    static let contentType = "application/json; charset=utf-8"
    /// Bytes of the whole body: "20 KB", taken as the smaller of its two meanings.
    static let limit = 20_000

    /// - Parameter signature: `nil`: the robot does not ask for one.
    static func body(_ notice: Notice, signature: RobotSignature.Feishu?) -> [UInt8] {
        let texts = notice.entries.map { notice.entries.count == 1 ? $0.belowTitle : $0.whole }
        return TextFitting.body(of: limit) { room in
            let fitted = TextFitting.fit(
                texts, into: room, overhead: 80, note: notice.leftOut(notice.entries.count).utf8.count + 80)
            let rest = fitted.leftOut > 0 ? [notice.leftOut(fitted.leftOut)] : []
            return card(notice, fitted.texts + rest, signature)
        }
    }

    private static func card(_ notice: Notice, _ texts: [String], _ signature: RobotSignature.Feishu?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if let signature {
                json.field("timestamp", signature.timestamp)
                json.field("sign", signature.sign)
            }
            json.field("msg_type", "interactive")
            json.key("card")
            json.object { json in
                json.key("config")
                json.object { $0.field("wide_screen_mode", true) }
                json.key("header")
                json.object { json in
                    json.field("template", notice.tone.template)
                    json.key("title")
                    json.plainText(TextFitting.cut(notice.title, to: 400))
                }
                json.key("elements")
                json.array { json in
                    for (index, text) in texts.enumerated() {
                        if index > 0 { json.object { $0.field("tag", "hr") } }
                        json.object { json in
                            json.field("tag", "div")
                            json.key("text")
                            json.plainText(text)
                        }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension Notice.Entry {
    /// The card's heading is the headline already.
    fileprivate var belowTitle: String { text.isEmpty ? headline : text }
}

extension Notice.Tone {
    fileprivate var template: String {
        switch self {
        case .fire, .critical: "red"
        case .major: "orange"
        case .minor: "yellow"
        case .other: "blue"
        case .drill: "purple"
        case .cleared: "green"
        case .service: "turquoise"
        }
    }
}

extension JSONWriter {
    fileprivate mutating func plainText(_ text: String) {
        object {
            $0.field("tag", "plain_text")
            $0.field("content", text)
        }
    }
}
