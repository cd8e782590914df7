/// The names of log metadata, so that one thing is spelt one way in every line.
///
/// A stage that needs a name of its own adds it in an extension beside the code that logs it. In the
/// journal each becomes the field `FIRESENSE_<NAME>`.
public enum LogKey {
    public static let device = "device"
    public static let kind = "kind"
    public static let component = "component"
    public static let metric = "metric"
    public static let topic = "topic"
    public static let lane = "lane"
    public static let rule = "rule"
    public static let alarm = "alarm"
    public static let category = "category"
    public static let endpoint = "endpoint"
    public static let delivery = "delivery"
    public static let status = "status"
    public static let attempt = "attempt"
    public static let file = "file"
    public static let path = "path"
    public static let address = "address"
    public static let key = "key"
    public static let value = "value"
    public static let expected = "expected"
    public static let reason = "reason"
    public static let error = "error"
    /// What the reader can do about it.
    public static let remedy = "remedy"
    public static let count = "count"
    /// Lines like this one that a `RateLimit` held back since the last.
    public static let held = "held"
    public static let bytes = "bytes"
    public static let milliseconds = "milliseconds"
    public static let version = "version"
}
