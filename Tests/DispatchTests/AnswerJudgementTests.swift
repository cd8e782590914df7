import FireModel
import Testing

@testable import FireDispatch

@Suite struct AnswerJudgementTests {
    private func judge(_ format: Endpoint.Format, _ text: String?, status: Int = 200) -> Failure? {
        AnswerJudgement.failure(format, status: status, text: text)
    }

    @Test func whatRobotsCallSuccessIsSuccess() {
        #expect(judge(.wecom, #"{"errcode":0,"errmsg":"ok"}"#) == nil)
        #expect(judge(.dingtalk, #"{"errcode":0,"errmsg":"ok"}"#) == nil)
        #expect(
            judge(.feishu, #"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#) == nil)
        #expect(judge(.feishu, #"{"Extra":null,"StatusCode":0,"StatusMessage":"success"}"#) == nil)
    }

    @Test(arguments: [
        (Endpoint.Format.wecom, #"{"errcode":45009,"errmsg":"api freq out of limit"}"#),
        (.dingtalk, #"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#),
        (.dingtalk, #"{"errcode":410100,"errmsg":"发送速度太快而限流"}"#),
        (.feishu, #"{"code":11232,"msg":"frequency limited psm","data":{}}"#),
        (.feishu, #"{"code":9499,"msg":"too many request","data":{}}"#),
    ])
    func aRobotThatHasHadEnoughIsLeftInPeaceForAMinute(_ format: Endpoint.Format, _ text: String) throws {
        let failure = try #require(judge(format, text))
        #expect(failure.reason == .throttled)
        #expect(failure.retryAfter == .seconds(60))
        #expect(failure.text.contains("batch"))
    }

    @Test(arguments: [
        (
            Endpoint.Format.wecom, #"{"errcode":93000,"errmsg":"invalid webhook url, hint: [1]"}"#, "WeCom 93000",
            "copy the url"
        ),
        (.wecom, #"{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}"#, "WeCom 40058", "4096"),
        (.dingtalk, #"{"errcode":310000,"errmsg":"sign not match, more: [https://x]"}"#, "310000", "secret file"),
        (.dingtalk, #"{"errcode":310000,"errmsg":"invalid timestamp"}"#, "310000", "clock"),
        (.dingtalk, #"{"errcode":310000,"errmsg":"keywords not in content"}"#, "310000", "keyword FireSense"),
        (.dingtalk, #"{"errcode":310000,"errmsg":"ip 1.2.3.4 not in whitelist"}"#, "310000", "public address"),
        (.dingtalk, #"{"errcode":300005,"errmsg":"token is not exist"}"#, "300005", "access_token"),
        (.feishu, #"{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}"#, "19021", "clock"),
        (.feishu, #"{"code":19022,"msg":"Ip Not Allowed"}"#, "19022", "public address"),
        (.feishu, #"{"code":19024,"msg":"Key Words Not Found"}"#, "19024", "keyword FireSense"),
        (.feishu, #"{"code":9499,"msg":"Bad Request","data":{}}"#, "9499", "Bad Request"),
        (
            .feishu, #"{"StatusCode":19001,"StatusMessage":"param invalid"}"#, "Feishu 19001 param invalid",
            "copy the url"
        ),
    ])
    func aRefusalNamesItsRemedy(_ format: Endpoint.Format, _ text: String, _ code: String, _ remedy: String) throws {
        let failure = try #require(judge(format, text))
        #expect(failure.reason == .clientError)
        #expect(failure.retryAfter == nil)
        #expect(failure.text.contains(code) && failure.text.contains(remedy), "\(failure.text)")
        // Such an answer may come with another status.
        #expect(judge(format, text, status: 400) == failure)
    }

    @Test func aBusyRobotIsAFaultOfTheServer() {
        #expect(judge(.wecom, #"{"errcode":-1,"errmsg":"system busy"}"#)?.reason == .serverError)
        #expect(judge(.dingtalk, #"{"errcode":-1,"errmsg":"系统繁忙"}"#)?.reason == .serverError)
    }

    @Test(arguments: [nil, "", "ok", "<html>login</html>", "[]", "{}", #"{"errcode":"0"}"#, #"{"errmsg":"ok"}"#])
    func somethingElseIsNotSuccess(_ text: String?) throws {
        for format in [Endpoint.Format.wecom, .dingtalk, .feishu] {
            let failure = try #require(judge(format, text))
            #expect(failure.reason == .other)
            #expect(failure.text.contains("check the url"))
            if let text, !text.isEmpty { #expect(failure.text.contains(text)) }
        }
    }

    @Test func whatCameIsShownOnOneLineAndBounded() throws {
        let failure = try #require(judge(.wecom, "<html>\n\u{1B}[31m" + String(repeating: "x", count: 5000)))
        #expect(failure.text.count < 300)
        #expect(!failure.text.contains("\n") && !failure.text.contains("\u{1B}"))
    }

    @Test func theStatusDecidesWhereNoRobotSpeaks() {
        for format in [Endpoint.Format.wecom, .dingtalk, .feishu] {
            #expect(judge(format, "Bad Gateway", status: 502) == nil)
            #expect(judge(format, #"{"errcode":45009,"code":11232}"#, status: 429) == nil)
            #expect(judge(format, #"{"errcode":93000,"code":19001}"#, status: 410) == nil)
        }
        for format in [Endpoint.Format.cloudevents, .alertmanager, .text] {
            #expect(judge(format, #"{"errcode":1,"code":1}"#) == nil)
        }
    }
}
