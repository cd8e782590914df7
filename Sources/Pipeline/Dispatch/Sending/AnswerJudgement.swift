import FireModel
import Foundation

/// Chat robots answer 200 also for what they refuse; what they think of it stands in the body.
enum AnswerJudgement {
    /// For a robot that has had enough; each counts by the minute.
    private static let pause = Duration.seconds(60)
    /// Characters of an answer that people are shown.
    private static let shown = 120

    /// - Parameters:
    ///   - status: HTTP status.
    ///   - text: The beginning of the body.
    /// - Returns: `nil`: nothing to add to what the status says, and nothing at all for formats that are no chat.
    static func failure(_ format: Endpoint.Format, status: Int, text: String?) -> Failure? {
        // What these two ask for is in the status and its header.
        guard let robot = Robot(format), status != 410, status != 429 else { return nil }
        guard let answer = robot.answer(text ?? "") else {
            guard (200..<300).contains(status) else { return nil }
            let came = beginning(text ?? "")
            return Failure(
                reason: .other,
                text:
                    "\(status), but not from a robot of \(robot.name): \(came.isEmpty ? "nothing" : "'\(came)'") came "
                    + "where \(robot.expected) was expected; check the url")
        }
        if answer.code == 0 { return nil }
        let refusal = robot.refusal(answer)
        let said = beginning(answer.message)
        return Failure(
            reason: refusal.reason,
            text:
                "\(robot.name) \(answer.code)\(said.isEmpty ? "" : " \(said)")\(refusal.remedy.map { ": \($0)" } ?? "")",
            retryAfter: refusal.reason == .throttled ? pause : nil, isLasting: refusal.reason == .clientError)
    }

    private static func beginning(_ text: String) -> String { String(ForeignText.line(text).prefix(shown)) }
}

/// What a robot says.
private struct RobotAnswer {
    var code: Int
    var message: String
}

private struct Refusal {
    var reason: Failure.Reason
    /// For people; `nil`: waiting is all that helps.
    var remedy: String?
}

private enum Robot {
    case wecom, dingtalk, feishu

    init?(_ format: Endpoint.Format) {
        switch format {
        case .wecom: self = .wecom
        case .dingtalk: self = .dingtalk
        case .feishu: self = .feishu
        case .cloudevents, .alertmanager, .text: return nil
        }
    }

    var name: String {
        switch self {
        case .wecom: "WeCom"
        case .dingtalk: "DingTalk"
        case .feishu: "Feishu"
        }
    }

    var expected: String { self == .feishu ? #"{"code":0,…}"# : #"{"errcode":0,…}"# }

    private struct ErrCode: Decodable {
        var errcode: Int
        var errmsg: String?
    }

    /// The second pair is what the first generation of robots answered with.
    private struct Code: Decodable {
        var code: Int?
        var msg: String?
        var statusCode: Int?
        var statusMessage: String?

        enum CodingKeys: String, CodingKey {
            case code, msg
            case statusCode = "StatusCode"
            case statusMessage = "StatusMessage"
        }
    }

    /// `nil`: it is not an answer of such a robot.
    func answer(_ text: String) -> RobotAnswer? {
        let data = Data(text.utf8)
        switch self {
        case .wecom, .dingtalk:
            guard let answer = try? JSONDecoder().decode(ErrCode.self, from: data) else { return nil }
            return RobotAnswer(code: answer.errcode, message: answer.errmsg ?? "")
        case .feishu:
            guard let answer = try? JSONDecoder().decode(Code.self, from: data),
                let code = answer.code ?? answer.statusCode
            else { return nil }
            return RobotAnswer(code: code, message: answer.msg ?? answer.statusMessage ?? "")
        }
    }

    func refusal(_ answer: RobotAnswer) -> Refusal {
        switch self {
        case .wecom: Self.wecom(answer.code)
        case .dingtalk: Self.dingtalk(answer.code, answer.message.lowercased())
        case .feishu: Self.feishu(answer.code, answer.message.lowercased())
        }
    }

    private static let tooFast = "too many messages a minute; a larger `batch` sends fewer"

    /// https://developer.work.weixin.qq.com/document/path/90313
    private static func wecom(_ code: Int) -> Refusal {
        switch code {
        case 45009, 45033: Refusal(reason: .throttled, remedy: tooFast)
        case -1: Refusal(reason: .serverError, remedy: nil)
        case 93000:
            Refusal(
                reason: .clientError,
                remedy:
                    "the key in the url is wrong, or the robot was removed from its group; copy the url from the robot again"
            )
        default: Refusal(reason: .clientError, remedy: nil)
        }
    }

    /// https://open.dingtalk.com/document/robots/custom-robot-access; 130101 is what is answered beyond 20 a minute.
    private static func dingtalk(_ code: Int, _ message: String) -> Refusal {
        switch code {
        case 130101, 410100, 90030: Refusal(reason: .throttled, remedy: tooFast)
        case -1: Refusal(reason: .serverError, remedy: nil)
        case 310000: Refusal(reason: .clientError, remedy: dingtalkSecurity(message))
        case 300001, 300005, 400101:
            Refusal(
                reason: .clientError, remedy: "the access_token in the url is wrong; copy the url from the robot again")
        case 400102: Refusal(reason: .clientError, remedy: "the robot is disabled; enable it in the group")
        case 400106: Refusal(reason: .clientError, remedy: "the robot is not in the group; add it again")
        case 400013: Refusal(reason: .clientError, remedy: "the group was dissolved; add a robot to another one")
        case 430101...430104:
            Refusal(
                reason: .clientError, remedy: "the text was taken for unsafe; see the names and titles in the alarm")
        default: Refusal(reason: .clientError, remedy: nil)
        }
    }

    /// One code for all that a robot's safety settings refuse.
    private static func dingtalkSecurity(_ message: String) -> String {
        if message.contains("keyword") {
            return "none of the robot's keywords is in the text; set the keyword FireSense, or sign (加签)"
        }
        if message.contains("ip") && !message.contains("timestamp") && !message.contains("sign") {
            return "the robot does not accept the gateway's public address; add it to the robot's list, or sign (加签)"
        }
        if message.contains("timestamp") {
            return "the gateway's clock is off by more than an hour; see `firesense doctor`"
        }
        return
            "the signature does not fit; the secret file must hold the text SEC… of this robot, and the gateway's clock be "
            + "right to the hour"
    }

    /// https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
    private static func feishu(_ code: Int, _ message: String) -> Refusal {
        switch code {
        case 11232, 99_991_400: Refusal(reason: .throttled, remedy: tooFast)
        // The same code stands for a malformed body and, in the words of the message, for too many.
        case 9499 where message.contains("too many"): Refusal(reason: .throttled, remedy: tooFast)
        case 19001:
            Refusal(reason: .clientError, remedy: "the token in the url is wrong; copy the url from the robot again")
        case 19021:
            Refusal(
                reason: .clientError,
                remedy:
                    "the signature does not fit; the secret file must hold the secret of this robot, and the gateway's "
                    + "clock be right to the hour")
        case 19022:
            Refusal(
                reason: .clientError,
                remedy:
                    "the robot does not accept the gateway's public address; add it to the robot's list, or sign (签名校验)"
            )
        case 19024:
            Refusal(
                reason: .clientError,
                remedy: "none of the robot's keywords is in the text; set the keyword FireSense, or sign (签名校验)")
        default: Refusal(reason: .clientError, remedy: nil)
        }
    }
}
