import CBuild
import FireModel

/// What this program is.
public enum Version {
    public static let text = "0.1.0"
    /// Of the source tree, 12 digits; `unknown` when built outside a repository.
    public static let commit = String(cString: firesense_commit())
    /// A clock before this release was made is wrong.
    static let builtAfter = Timestamp(milliseconds: 1_795_392_000_000)
}
