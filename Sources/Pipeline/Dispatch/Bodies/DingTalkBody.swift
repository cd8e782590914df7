import FireModel

/// Group robot of 钉钉, a message of type `markdown`: https://open.dingtalk.com/document/robots/custom-robot-access and
/// https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type
///
/// Mentions need a list `at`, which is never sent. A line break needs two blanks before and after it.
enum DingTalkBody {
    static let contentType = "application/json; charset=utf-8"
    /// Bytes of the whole body.
    static let limit = 20_000

    static func body(_ notice: Notice) -> [UInt8] {
        let separator = "\n\n"
        let texts = notice.entries.map { $0.markdown.split(separator: "\n", omittingEmptySubsequences: false) }
            .map { $0.joined(separator: "  \n  ") }
        return TextFitting.body(of: limit) { room in
            let fitted = TextFitting.fit(
                texts, into: room, overhead: separator.utf8.count,
                note: notice.leftOut(notice.entries.count).utf8.count)
            let rest = fitted.leftOut > 0 ? [notice.leftOut(fitted.leftOut)] : []
            var json = JSONWriter()
            json.object {
                $0.field("msgtype", "markdown")
                $0.key("markdown")
                $0.object {
                    $0.field("title", TextFitting.cut(notice.title, to: 200))
                    $0.field("text", (fitted.texts + rest).joined(separator: separator))
                }
            }
            return json.bytes
        }
    }
}
