import Logging

/// `log.format` of the configuration.
public enum LogFormat: String, Sendable, CaseIterable, Codable {
    /// The journal when standard error goes there, text otherwise.
    case auto
    case journal, text
}

/// Sets the log of the whole process. Once per process: swift-log stops the program at a second time.
///
/// - Parameter standardErrorIsJournal: `Systemd.isJournalOnStandardError`.
/// - Parameter journal: `Systemd.journal`.
/// - Returns: the level, to be set anew when the configuration is reloaded.
public func bootstrapLogging(
    format: LogFormat, level: Logger.Level, standardErrorIsJournal: Bool, journal: @escaping JournalLogHandler.Sink
) -> LogThreshold {
    let threshold = LogThreshold(level)
    let make = handlerFactory(
        format: format, threshold: threshold, standardErrorIsJournal: standardErrorIsJournal, journal: journal)
    LoggingSystem.bootstrap({ label, provider in make(label, provider) }, metadataProvider: nil)
    return threshold
}

func handlerFactory(
    format: LogFormat, threshold: LogThreshold, standardErrorIsJournal: Bool, journal: @escaping JournalLogHandler.Sink
) -> @Sendable (String, Logger.MetadataProvider?) -> any LogHandler {
    let usesJournal = format == .journal || (format == .auto && standardErrorIsJournal)
    let lead: TextLogHandler.Lead = standardErrorIsJournal ? .priority : .time
    return { label, provider in
        var handler: any LogHandler =
            usesJournal
            ? JournalLogHandler(label: label, threshold: threshold, sink: journal)
            : TextLogHandler(threshold: threshold, lead: lead)
        handler.metadataProvider = provider
        return handler
    }
}
