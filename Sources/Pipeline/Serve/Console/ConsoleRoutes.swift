import Crypto
import Foundation
import Hummingbird

/// The page for people at `/`. It holds no data of its own: it asks the API as any other client does.
func consoleRoutes() -> [Route] {
    let page = DutyPage.html
    let policy = DutyPage.contentSecurityPolicy
    return [
        Route(
            method: .get, path: "/", summary: "A page for people: state, active alarms, links.", scope: nil,
            answer: .text(["text/html"], "HTML, Chinese and English.")
        ) { _ in
            var answer = Answer.text(page, type: "text/html; charset=utf-8")
            answer.headers[.contentSecurityPolicy] = policy
            return answer
        }
    ]
}

extension DutyPage {
    static let html = """
        <!doctype html>
        <html lang="zh-CN">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>FireSense 消防物联网关</title>
        <style>\(style)</style>
        </head>
        <body>
        \(body)
        <script>\(script)</script>
        </body>
        </html>

        """

    /// Only this script and this style, talking only to this gateway.
    static let contentSecurityPolicy =
        "default-src 'none'; script-src '\(hash(script))'; style-src '\(hash(style))'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }
}
