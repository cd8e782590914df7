import FireModel

/// What this program is.
public enum Version {
    public static let text = "0.1.0"
    /// Of the source tree; set by the build script, unknown in a developer's build.
    public static var commit: String { "unknown" }
    /// A clock before this release was made is wrong.
    static let builtAfter = Timestamp(milliseconds: 1_795_392_000_000)
}
