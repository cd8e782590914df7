import CMosquitto
import Synchronization

/// libmosquitto as a whole.
public enum MQTTLibrary {
    /// Version of the library in use, `2.0.11`.
    public static var version: String {
        var major: Int32 = 0
        var minor: Int32 = 0
        var revision: Int32 = 0
        _ = unsafe mosquitto_lib_version(&major, &minor, &revision)
        return "\(major).\(minor).\(revision)"
    }

    /// Once per process, before the first client. Never undone: there may be clients until the end.
    static let isReady = mosquitto_lib_init() == MOSQ_ERR_SUCCESS.rawValue

    /// Connecting with TLS sets up OpenSSL on first use, by a plain flag that two threads may find unset.
    static let startingTLS = Mutex(())
}
