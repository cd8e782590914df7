#!/usr/bin/env python3
"""A webhook receiver for FireSense: a model for your own. Python's standard library only.

What comes is verified (Standard Webhooks 1.0.0), written to a database, answered, and only then acted upon: here, one
line is printed. So nothing that was answered with 2xx is lost, nothing is taken twice however often it is delivered, and
no old message takes an alarm back to what it was. docs/webhooks.md explains why each of this is needed.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST_BODY = 4 << 20
BATCH = "application/cloudevents-batch+json"
DAY = 86_400
KEEP_IDS = 4 * DAY  # a delivery is retried for 3 days
KEEP_ALARMS = 3 * 365 * DAY  # as long as a gateway has them, and could replay them
MISSED_HEARTBEATS = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8480, help="0: any free one; it is printed")
    parser.add_argument("--secret-file", help="one whsec_ a line; a signature by any of them is valid")
    parser.add_argument("--database", help="remembers what was taken over a restart")
    parser.add_argument("--tolerance", type=int, default=300, help="seconds a signature may be off (%(default)s)")
    parser.add_argument("--heartbeat", type=float, default=60, help="the gateways' interval in seconds; 0: none (%(default)s)")
    parser.add_argument("--origin", action="append", help="a gateway that may ask by OPTIONS, again for more; else any")
    parser.add_argument("--log", help="append every event to this file, one JSON object a line")
    return parser.parse_args()


# --- Is it genuine? ---------------------------------------------------------------------------------


def read_secrets(path):
    with open(path, encoding="ascii") as file:
        lines = [line.strip() for line in file if line.strip()]
    return [base64.b64decode(line.removeprefix("whsec_"), validate=True) for line in lines]


def verify(secrets, headers, body, tolerance, now):
    """None when the signature is good, else what is wrong with it."""
    try:
        identity, stamp = headers["webhook-id"], headers["webhook-timestamp"]
        given = headers["webhook-signature"].split()
        age = abs(now - int(stamp))
    except (AttributeError, KeyError, TypeError, ValueError):
        return "webhook-id, webhook-timestamp or webhook-signature is missing or unreadable"
    # A gateway whose clock is not set says so, and its alarm must not be turned away for that. What an
    # attacker gains by adding this header is a replay, which the webhook-id and the revision already stop.
    if age > tolerance and headers.get("firesense-clock") != "unsynchronised":
        return f"webhook-timestamp is {age:.0f} s off, more than {tolerance} s"
    for secret in secrets:
        mac = hmac.new(secret, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        # In constant time: how long a comparison takes must not tell how much of a forged signature is right.
        if any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in given):
            return None
    return "no signature matches any secret"


def read_events(content_type, body):
    """The CloudEvents of a request; None when it holds something else."""
    try:
        events = json.loads(body)
    except ValueError:
        return None
    is_batch = (content_type or "").split(";")[0].strip().lower() == BATCH
    if isinstance(events, list) != is_batch:
        return None
    events = events if is_batch else [events]
    for event in events:
        if not isinstance(event, dict) or not all(isinstance(event.get(key), str) for key in ("id", "source", "type")):
            return None
    return events


def alarm_of(event):
    """The alarm whose change it tells, if it does."""
    data = event.get("data")
    if not event["type"].startswith("firesense.alarm.") or not isinstance(data, dict):
        return None
    return data if isinstance(data.get("id"), str) and isinstance(data.get("revision"), int) else None


# --- What is remembered -----------------------------------------------------------------------------


class Memory:
    """Every event by its id, and the newest state of every alarm."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self.database.executescript(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS event(
              sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, todo TEXT);
            CREATE INDEX IF NOT EXISTS event_by_time ON event(at);
            CREATE INDEX IF NOT EXISTS event_to_do ON event(sequence) WHERE todo IS NOT NULL;
            CREATE TABLE IF NOT EXISTS alarm(
              id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT, at REAL NOT NULL, body TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS beating(source TEXT, endpoint TEXT, PRIMARY KEY(source, endpoint));
            """
        )

    def take(self, events, now):
        """Durable when it returns: which of them are new, in one transaction."""
        with self.lock, self.transaction():
            return [self.take_one(event, now) for event in events]

    def take_one(self, event, now):
        todo = (json.dumps(event, ensure_ascii=False), now, event["id"])
        new = self.database.execute("INSERT OR IGNORE INTO event(todo, at, id) VALUES (?, ?, ?)", todo).rowcount == 1
        alarm = alarm_of(event)
        if new and alarm:
            # `revision` decides, not the order of arrival: a replay or a late retry tells of the past.
            self.database.execute(
                "INSERT INTO alarm VALUES (?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET revision = excluded.revision,"
                " state = excluded.state, at = excluded.at, body = excluded.body WHERE excluded.revision > revision",
                (alarm["id"], alarm["revision"], alarm.get("state"), now, json.dumps(alarm, ensure_ascii=False)),
            )
        return new

    def to_do(self):
        """What was taken and not acted upon: (sequence, event, is it news?)."""
        with self.lock:
            rows = self.database.execute(
                "SELECT sequence, todo FROM event WHERE todo IS NOT NULL ORDER BY sequence LIMIT 100").fetchall()
            found = [(sequence, json.loads(todo)) for sequence, todo in rows]
            return [(sequence, event, self.is_newest(event)) for sequence, event in found]

    def is_newest(self, event):
        alarm = alarm_of(event)
        if alarm is None:
            return True
        row = self.database.execute("SELECT revision FROM alarm WHERE id = ?", (alarm["id"],)).fetchone()
        return row is None or alarm["revision"] >= row[0]

    def done(self, sequences):
        with self.lock, self.transaction():
            self.database.executemany("UPDATE event SET todo = NULL WHERE sequence = ?", [(one,) for one in sequences])

    def prune(self, now):
        with self.lock, self.transaction():
            self.database.execute("DELETE FROM event WHERE at < ? AND todo IS NULL", (now - KEEP_IDS,))
            self.database.execute("DELETE FROM alarm WHERE at < ? AND state = 'cleared'", (now - KEEP_ALARMS,))

    def expect(self, source, endpoint):
        with self.lock:
            self.database.execute("INSERT OR IGNORE INTO beating VALUES (?, ?)", (source, endpoint))

    def expected(self):
        with self.lock:
            return self.database.execute("SELECT source, endpoint FROM beating").fetchall()

    def transaction(self):
        self.database.execute("BEGIN IMMEDIATE")
        return self.database  # commits at the end of `with`, or rolls back


class DeadMansSwitch:
    """A gateway that is dead cannot say so: its heartbeat that does not come is the alarm."""

    def __init__(self, memory, interval, now):
        self.memory, self.patience = memory, MISSED_HEARTBEATS * interval
        self.lock = threading.Lock()
        # What came while this program was not there is not known: patience begins anew.
        self.last = {pair: now for pair in memory.expected()}
        self.silent = set()

    def beat(self, source, endpoint, now):
        """Whether it had been silent."""
        pair = (source, endpoint)
        if pair not in self.last:
            self.memory.expect(*pair)
        with self.lock:
            self.last[pair] = now
            returned = pair in self.silent
            self.silent.discard(pair)
        return returned

    def gone_silent(self, now):
        """Those whose silence was not told yet."""
        if self.patience <= 0:
            return []
        with self.lock:
            gone = [pair for pair, at in self.last.items() if now - at > self.patience and pair not in self.silent]
            self.silent.update(gone)
        return gone


# --- What is done with it ---------------------------------------------------------------------------


def milliseconds_since(text, now):
    try:
        return round((now - datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 1000)
    except (AttributeError, ValueError):
        return None


class Receiver:
    def __init__(self, options):
        self.options = options
        self.secrets = read_secrets(options.secret_file) if options.secret_file else []
        self.log = open(options.log, "a", encoding="utf-8", buffering=1) if options.log else None
        self.memory = Memory(options.database)
        self.switch = DeadMansSwitch(self.memory, options.heartbeat, time.monotonic())
        self.arrived = threading.Event()
        self.next_prune = 0

    def take(self, headers, body):
        """The status to answer. Nothing here waits for people, printers or other machines."""
        now = time.time()
        problem = verify(self.secrets, headers, body, self.options.tolerance, now) if self.secrets else None
        if problem:
            return self.refuse(401, problem, headers, now)
        events = read_events(headers.get("content-type"), body)
        if events is None:
            return self.refuse(400, "the body is no CloudEvent and no batch of them", headers, now)
        replay = headers.get("firesense-replay") == "true"
        for event, new in zip(events, self.memory.take(events, now)):
            self.record(now, 204, event["id"], event, duplicate=not new, replay=replay)
            if new and event["type"] == "firesense.heartbeat":
                self.beat(event)
        self.arrived.set()
        return 204

    def refuse(self, status, problem, headers, now):
        identity = headers.get("webhook-id") or "a request"
        self.record(now, status, identity, {}, problem=problem)
        print(f"refused {identity}: {problem}", flush=True)
        return status

    def record(self, now, status, identity, event, duplicate=False, replay=False, problem=None):
        if not self.log:
            return
        alarm = event and alarm_of(event) or {}
        line = {
            "at_ms": round(now * 1000), "webhook_id": identity, "status": status, "duplicate": duplicate,
            "replay": replay, "problem": problem, "type": event.get("type"),
            "since_received_ms": milliseconds_since(alarm.get("received_at"), now),
            "since_raised_ms": milliseconds_since(alarm.get("raised_at"), now), "event": event or None,
        }  # fmt: skip
        self.log.write(json.dumps(line, ensure_ascii=False) + "\n")

    def beat(self, event):
        data = event.get("data")
        endpoint = data.get("endpoint", "") if isinstance(data, dict) else ""
        if self.switch.beat(event["source"], str(endpoint), time.monotonic()):
            print(f"heartbeats again: {event['source']} {endpoint}", flush=True)

    def work(self):
        try:
            self.act()
        except BaseException:
            # A thread that fails ends alone, unseen. Better all of it ends, and whoever supervises it starts it anew.
            traceback.print_exc()
            os._exit(1)

    def act(self):
        """What takes its time, outside of the request. After a crash it goes on where it was: what was being done
        then is done once more."""
        while True:
            self.arrived.wait(min(1, self.switch.patience / 4 or 1))
            self.arrived.clear()
            while todo := self.memory.to_do():
                for _, event, is_newest in todo:
                    self.show(event, is_newest)
                self.memory.done([sequence for sequence, *_ in todo])
            for source, endpoint in self.switch.gone_silent(time.monotonic()):
                print(f"SILENT: no heartbeat from {source} {endpoint} for {self.switch.patience:.0f} s", flush=True)
            if time.monotonic() >= self.next_prune:
                self.memory.prune(time.time())
                self.next_prune = time.monotonic() + 3600

    @staticmethod
    def show(event, is_newest):
        """One line per change of an alarm. A test is shown as one; heartbeats are not."""
        now, alarm = time.time(), alarm_of(event)
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        if alarm is None:
            if event["type"] == "firesense.test":
                print(clock, "test from", event["source"], flush=True)
            return
        device, title = alarm.get("device") or {}, alarm.get("title") or {}
        print(
            clock, f"{event['type'].removeprefix('firesense.alarm.'):12}",
            f"{alarm.get('category', '?')}/{alarm.get('severity', '?')}",
            title.get("zh") or title.get("en") or alarm.get("rule"),
            device.get("name") or device.get("id", ""), alarm.get("component") or "",
            f"({milliseconds_since(alarm.get('received_at'), now)} ms after receipt,",
            f"{milliseconds_since(alarm.get('raised_at'), now)} ms after it was raised)",
            "" if is_newest else "(a newer change is known)", flush=True)  # fmt: skip


def handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 120  # of a kept connection

        def do_POST(self):
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                self.close_connection = True
                return self.answer(413 if length.isdecimal() else 411)
            body = self.rfile.read(int(length))
            try:
                status = receiver.take(self.headers, body)
            except sqlite3.Error as error:
                # What is not durable is not taken. The gateway comes again.
                print(f"not taken: {error}", file=sys.stderr, flush=True)
                status = 503
            self.answer(status)

        def do_OPTIONS(self):
            """May this gateway send here? (CloudEvents Webhooks 1.0, section 4)"""
            origin, allowed = self.headers.get("WebHook-Request-Origin"), receiver.options.origin
            if not origin or allowed and origin not in allowed:
                return self.answer(403)
            rate = self.headers.get("WebHook-Request-Rate") or "*"
            self.answer(200, {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate, "Allow": "OPTIONS, POST"})

        def answer(self, status, headers={}):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    options = arguments()
    receiver = Receiver(options)
    server = Server((options.host, options.port), handler(receiver))

    def stop(*_):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not receiver.secrets:
        print("no --secret-file: signatures are not checked", file=sys.stderr)
    if not options.database:
        print("no --database: what was taken is forgotten with this process", file=sys.stderr)
    threading.Thread(target=receiver.work, daemon=True).start()
    print(f"listening on http://{options.host}:{server.server_port}/", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
