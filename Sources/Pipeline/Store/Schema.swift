import GRDB

/// The tables, and how an older file becomes today's.
///
/// A migration, once released, is never changed: a new one is added. What looks at the tables from
/// outside may rely on: times are milliseconds since 1970 (UTC), words are those of the API.
enum Schema {
    /// "FIRE", so that `file` and we know our own from another program's database.
    static let applicationID: Int64 = 0x4649_5245
    static let version = 4

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator().disablingDeferredForeignKeyChecks()
        migrator.registerMigration("1") { try $0.execute(sql: first) }
        migrator.registerMigration("2") { try $0.execute(sql: second) }
        migrator.registerMigration("3") { try $0.execute(sql: third) }
        migrator.registerMigration("4") { try $0.execute(sql: fourth) }
        return migrator
    }

    static func prepare(_ queue: DatabaseQueue, path: String) throws {
        if let found = try queue.read({ try version(of: $0, path: path) }) {
            guard found <= version else { throw StoreError.newerSchema(found: found, known: version) }
        } else {
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA application_id = \(applicationID)") }
        }
        try migrator.migrate(queue)
    }

    /// `nil`: the file is empty.
    static func version(of db: Database, path: String) throws -> Int? {
        let application = try Int64.fetchOne(db, sql: "PRAGMA application_id")
        guard application == applicationID else {
            let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            guard application == 0, tables == 0 else {
                throw StoreError.cannotOpen(
                    path: path, reason: "it is the database of another program", remedy: "correct store.path")
            }
            return nil
        }
        guard try db.tableExists("grdb_migrations") else { return 0 }
        return try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations").compactMap { Int($0) }.max() ?? 0
    }

    static let first = """
        -- Device and series: the row id is the index in memory + 1, without gaps.
        CREATE TABLE device(
          id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, area TEXT NOT NULL,
          first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, online INTEGER) STRICT;
        -- component NULL: the device itself. inactive 1: the same event, reported as ended.
        CREATE TABLE series(
          id INTEGER PRIMARY KEY, device INTEGER NOT NULL, component TEXT, metric TEXT NOT NULL,
          inactive INTEGER NOT NULL) STRICT;
        CREATE INDEX series_of_device ON series(device, metric, component, inactive);
        -- value: REAL a number, INTEGER a boolean, TEXT a text. quality: the bits of `Quality`.
        CREATE TABLE reading(
          series INTEGER NOT NULL, ts INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, detail TEXT,
          PRIMARY KEY(series, ts)) STRICT, WITHOUT ROWID;

        -- body: the alarm as the API shows it; the columns before it are copies to search by.
        CREATE TABLE alarm(
          id TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, device TEXT NOT NULL, component TEXT, metric TEXT,
          category TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL, acknowledged INTEGER NOT NULL,
          verdict TEXT, kind TEXT NOT NULL, area TEXT NOT NULL, received_at INTEGER NOT NULL,
          revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE INDEX alarm_by_time ON alarm(received_at, id);
        CREATE INDEX alarm_of_device ON alarm(device, received_at, id);
        CREATE INDEX alarm_by_key ON alarm(rule, device, component, metric, received_at);
        CREATE INDEX alarm_active ON alarm(received_at, id) WHERE state = 'active';
        CREATE INDEX alarm_cleared ON alarm(received_at) WHERE state = 'cleared';
        CREATE TABLE alarm_change(
          id INTEGER PRIMARY KEY, alarm TEXT NOT NULL, kind TEXT NOT NULL, revision INTEGER NOT NULL,
          at INTEGER NOT NULL, cause TEXT NOT NULL, snapshot TEXT NOT NULL, UNIQUE(alarm, kind, at, cause)) STRICT;

        -- snapshot NULL: that of the change.
        CREATE TABLE delivery(
          sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, endpoint TEXT NOT NULL,
          alarm TEXT NOT NULL, revision INTEGER NOT NULL, type TEXT NOT NULL, device TEXT NOT NULL,
          time INTEGER NOT NULL, received_at INTEGER NOT NULL, is_fire INTEGER NOT NULL, is_active INTEGER NOT NULL,
          created_at INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER NOT NULL,
          change INTEGER, snapshot TEXT) STRICT;
        CREATE INDEX delivery_pending ON delivery(endpoint, is_fire, sequence) WHERE state = 'pending';
        CREATE INDEX delivery_by_state ON delivery(state, sequence);
        CREATE INDEX delivery_of_alarm ON delivery(alarm);
        CREATE TABLE delivery_attempt(
          delivery INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, status INTEGER, error TEXT,
          answer TEXT, milliseconds INTEGER NOT NULL, state TEXT NOT NULL, next_due_at INTEGER,
          PRIMARY KEY(delivery, number)) STRICT, WITHOUT ROWID;

        CREATE TABLE quarantine(
          id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, topic TEXT NOT NULL,
          device TEXT, lane INTEGER NOT NULL, retained INTEGER NOT NULL, reason TEXT NOT NULL,
          explanation TEXT NOT NULL, published_length INTEGER NOT NULL, size INTEGER NOT NULL,
          payload BLOB NOT NULL) STRICT;
        CREATE INDEX quarantine_by_time ON quarantine(received_at);

        -- A ring per lane: messages without a time of their own, to know them when they come again.
        CREATE TABLE redelivery(
          lane INTEGER NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL, packet_id INTEGER NOT NULL,
          content_hash INTEGER NOT NULL, received_at INTEGER NOT NULL, PRIMARY KEY(lane, place)) STRICT, WITHOUT ROWID;
        CREATE TABLE retained(topic_hash INTEGER PRIMARY KEY, content_hash INTEGER NOT NULL) STRICT;

        CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO meta VALUES ('readings', 0);
        """

    /// The forms of the bodies stand at their types in `Format`. Table `reading` of schema 1 goes when `RowMigration` has emptied it.
    private static let second = """
        -- Of each commit every input of every decision; see JournalPage.
        CREATE TABLE journal(slot INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        -- A stretch of stored history. state: open, whole, rolled (roll-ups only). journal: the last row in it.
        CREATE TABLE segment(
          id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, level INTEGER NOT NULL, journal INTEGER NOT NULL,
          least INTEGER NOT NULL, most INTEGER NOT NULL, readings INTEGER NOT NULL) STRICT;
        -- id: segment * 2^27 + (series / 32), series counted from 0.
        CREATE TABLE chunk(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        CREATE TABLE rollup(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        -- The newest reading of each series at the last seal. bucket: series / 32.
        CREATE TABLE last(bucket INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        -- State of the rules after that row of the journal.
        CREATE TABLE checkpoint(journal INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        CREATE INDEX series_by_metric ON series(metric, device);
        -- The last row of the journal whose readings are in segments.
        INSERT INTO meta VALUES ('sealed', 0);
        """

    private static let third = """
        -- What the device said around an alarm that was judged; body: `context` of the API, points: how many are in it.
        CREATE TABLE verdict_context(alarm TEXT PRIMARY KEY, points INTEGER NOT NULL, body TEXT NOT NULL)
          STRICT, WITHOUT ROWID;
        -- body: as the API shows it. ended_at NULL: nobody has ended it; until then it lasts.
        CREATE TABLE silence(
          id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, until INTEGER NOT NULL, ended_at INTEGER, ended_by TEXT,
          body TEXT NOT NULL) STRICT;
        CREATE TABLE drill(
          id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, until INTEGER NOT NULL, ended_at INTEGER, ended_by TEXT,
          body TEXT NOT NULL) STRICT;
        CREATE INDEX silence_by_time ON silence(created_at, id) WHERE ended_at IS NULL;
        CREATE INDEX drill_by_time ON drill(created_at, id) WHERE ended_at IS NULL;
        """

    private static let fourth = """
        -- replayed_at: when somebody asked for it once more; NULL: it is the first time. attempts_before: made before that.
        ALTER TABLE delivery ADD COLUMN replayed_at INTEGER;
        ALTER TABLE delivery ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;
        -- 0: for the first time, 1: a fire for the first time, 2: once more. Whoever looks for what nobody has been told
        -- yet never reads over what is only repeated.
        ALTER TABLE delivery ADD COLUMN lane INTEGER
          GENERATED ALWAYS AS (CASE WHEN replayed_at IS NULL THEN is_fire ELSE 2 END) VIRTUAL;
        DROP INDEX delivery_pending;
        CREATE INDEX delivery_pending ON delivery(endpoint, lane, sequence) WHERE state = 'pending';
        """
}
