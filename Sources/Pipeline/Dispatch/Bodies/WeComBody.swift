import FireModel

/// Group robot of 企业微信, a message of type `markdown`: https://developer.work.weixin.qq.com/document/path/91770
///
/// Its Markdown is a subset: headings, bold, links, code, quotes, `<font>`, and `<@userid>` which mentions a member. It
/// has no escape, so text of others is cleared of all that beforehand. There is no signature: the key in the address is
/// all the protection there is. JSON with `\u` escapes is refused (40033); there is none, for text of others comes without
/// control characters.
enum WeComBody {
    static let contentType = "application/json; charset=utf-8"
    /// Bytes of `content`; longer ones are refused with 40058.
    static let limit = 4096

    static func body(_ notice: Notice) -> [UInt8] {
        let separator = "\n\n"
        let fitted = TextFitting.fit(
            notice.entries.map(\.markdown), into: limit, overhead: separator.utf8.count,
            note: notice.leftOut(notice.entries.count).utf8.count)
        let rest = fitted.leftOut > 0 ? [notice.leftOut(fitted.leftOut)] : []
        var json = JSONWriter()
        json.object {
            $0.field("msgtype", "markdown")
            $0.key("markdown")
            $0.object { $0.field("content", (fitted.texts + rest).joined(separator: separator)) }
        }
        return json.bytes
    }
}

extension Notice.Entry {
    /// The headline as a heading, which needs no closing mark that a cut could take away.
    var markdown: String { isTemplate ? text : "### " + headline + "\n" + text }
}
