import Hummingbird
import Synchronization

/// Where a request came in.
enum Door: Sendable {
    /// The TCP listener; `isLoopback`: only this machine can reach it.
    case network(isLoopback: Bool)
    /// The control socket. Who may open it was decided by the file system (contract 1).
    case control
}

/// Who asks, once it is settled that they may.
struct Caller: Sendable, Equatable {
    /// The token's name; `nil` without one.
    var token: String?
    var scope: Scope

    /// What the history keeps as the doer: the given name, and beside it the token that vouched for it.
    func signature(for by: String) -> String { token.map { "\(by) (\($0))" } ?? by }
}

/// Decides who may do what (contract 5, "Access"). Pure.
struct Access: Sendable {
    var door: Door

    func admit(_ authorization: String?, to required: Scope, tokens: Tokens?) throws(Problem) -> Caller {
        switch door {
        case .control:
            return Caller(token: nil, scope: .admin)
        case .network(let isLoopback):
            guard let tokens else { return try admitWithoutTokens(to: required, isLoopback: isLoopback) }
            return try admit(authorization, to: required, holders: tokens)
        }
    }

    private func admitWithoutTokens(to required: Scope, isLoopback: Bool) throws(Problem) -> Caller {
        guard required == .read, isLoopback else {
            throw Problem(
                .forbidden, .tokensNeeded,
                "No tokens are configured, so \(required == .read ? "reading from afar" : "changing") is refused. "
                    + "Set http.tokens_file and send a bearer token of scope '\(required.rawValue)', "
                    + "or use the firesense command on the gateway itself.")
        }
        return Caller(token: nil, scope: .read)
    }

    private func admit(
        _ authorization: String?, to required: Scope, holders: Tokens
    ) throws(Problem) -> Caller {
        guard let authorization else {
            throw unauthorised("This needs a bearer token of scope '\(required.rawValue)'.", error: nil)
        }
        let words = authorization.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else {
            throw unauthorised("The Authorization header is not of the form 'Bearer TOKEN'.", error: "invalid_request")
        }
        guard let holder = holders.holder(of: words[1]) else {
            throw unauthorised("The token is not known here.", error: "invalid_token")
        }
        guard holder.scope >= required else {
            throw Problem(
                .forbidden, .insufficientScope,
                "This needs scope '\(required.rawValue)'; token '\(holder.name)' has scope '\(holder.scope.rawValue)'.",
                headers: [
                    .wwwAuthenticate:
                        "Bearer realm=\"firesense\", error=\"insufficient_scope\", scope=\"\(required.rawValue)\""
                ])
        }
        return Caller(token: holder.name, scope: holder.scope)
    }

    private func unauthorised(_ detail: String, error: String?) -> Problem {
        let challenge = "Bearer realm=\"firesense\"" + (error.map { ", error=\"\($0)\"" } ?? "")
        return Problem(.unauthorized, .tokenNeeded, detail, headers: [.wwwAuthenticate: challenge])
    }
}

/// The tokens in force, exchanged at a reload while requests are being answered.
final class TokenBoard: Sendable {
    private let tokens: Mutex<Tokens?>
    init(_ tokens: Tokens?) { self.tokens = Mutex(tokens) }
    var current: Tokens? {
        get { tokens.withLock { $0 } }
        set { tokens.withLock { $0 = newValue } }
    }
}
