#!/usr/bin/env python3
"""A webhook receiver for FireSense: a model for your own, and a partner for tests.

Checks the signature (Standard Webhooks 1.0.0), takes each change of an alarm once however often it is
delivered, and prints one line for it. Python's standard library only.
"""
import argparse
import base64
import collections
import hashlib
import hmac
import json
import signal
import sys
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST_BODY = 1 << 20
REMEMBERED_IDS = 100_000  # a delivery is retried for 3 days; keep the ids in a database for that


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8480, help="0: any free one; it is printed")
    parser.add_argument("--secret-file", help="one whsec_ a line; a signature by any of them is valid")
    parser.add_argument("--tolerance", type=int, default=300, help="seconds a signature may be off (%(default)s)")
    parser.add_argument("--log", help="append every request to this file, one JSON object a line")
    tests = parser.add_argument_group("for tests")
    tests.add_argument("--status", type=int, default=204, help="answer this (%(default)s)")
    tests.add_argument("--times", type=int, help="answer --status so many times only, then 204")
    tests.add_argument("--retry-after", help="send this header with --status")
    tests.add_argument("--delay", type=float, default=0, help="seconds before answering")
    return parser.parse_args()


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
    except (AttributeError, TypeError, ValueError):
        return "webhook-id, webhook-timestamp or webhook-signature is missing or unreadable"
    # A gateway whose clock is not set says so, and its alarm must not be turned away for that. What an
    # attacker gains by adding this header is a replay, which the webhook-id already stops.
    if age > tolerance and headers.get("firesense-clock") != "unsynchronised":
        return f"webhook-timestamp is {age:.0f} s off, more than {tolerance} s"
    for secret in secrets:
        mac = hmac.new(secret, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(mac).decode()
        if any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in given):
            return None
    return "no signature matches any secret"


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
        self.lock = threading.Lock()
        self.seen = collections.OrderedDict()
        self.requests = 0

    def take(self, headers, body):
        """The status to answer, and headers to go with it."""
        now = time.time()
        with self.lock:
            self.requests += 1
            if self.options.times is None or self.requests <= self.options.times:
                status = self.options.status
            else:
                status = 204
            problem = verify(self.secrets, headers, body, self.options.tolerance, now) if self.secrets else None
            event = self.read(body)
            if problem:
                status = 401
            elif event is None:
                status, problem = 400, "the body is no CloudEvent"
            identity = headers.get("webhook-id") or ""
            duplicate = identity in self.seen
            taken = 200 <= status < 300 and not duplicate
            if taken:
                self.seen[identity] = True
                if len(self.seen) > REMEMBERED_IDS:
                    self.seen.popitem(last=False)
            self.record(now, identity, status, duplicate, problem, event)
            if taken:
                self.show(now, event)
            elif problem:
                print(f"refused {identity or 'a request'}: {problem}", flush=True)
        extra = {}
        if self.options.retry_after and status == self.options.status:
            extra["Retry-After"] = self.options.retry_after
        return status, extra

    @staticmethod
    def read(body):
        try:
            event = json.loads(body)
            return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None
        except ValueError:
            return None

    def record(self, now, identity, status, duplicate, problem, event):
        if not self.log:
            return
        data = (event or {}).get("data")
        alarm = data if isinstance(data, dict) else {}
        line = {
            "at_ms": round(now * 1000), "webhook_id": identity, "status": status, "duplicate": duplicate,
            "problem": problem, "type": (event or {}).get("type"),
            "since_received_ms": milliseconds_since(alarm.get("received_at"), now),
            "since_raised_ms": milliseconds_since(alarm.get("raised_at"), now), "event": event,
        }
        self.log.write(json.dumps(line, ensure_ascii=False) + "\n")

    @staticmethod
    def show(now, event):
        """One line per change of an alarm; heartbeats are only logged."""
        alarm = event.get("data")
        if not isinstance(alarm, dict) or not event["type"].startswith("firesense.alarm."):
            return
        device, title = alarm.get("device") or {}, alarm.get("title") or {}
        print(
            time.strftime("%H:%M:%S", time.localtime(now)),
            f"{event['type'].removeprefix('firesense.alarm.'):12}",
            f"{alarm.get('category', '?')}/{alarm.get('severity', '?')}",
            title.get("zh") or title.get("en") or alarm.get("rule"),
            device.get("name") or device.get("id", ""), alarm.get("component") or "",
            f"({milliseconds_since(alarm.get('received_at'), now)} ms after receipt,",
            f"{milliseconds_since(alarm.get('raised_at'), now)} ms after it was raised)",
            flush=True)


def handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self):
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                self.close_connection = True
                return self.answer(413 if length.isdecimal() else 411, {})
            status, extra = receiver.take(self.headers, self.rfile.read(int(length)))
            time.sleep(receiver.options.delay)
            self.answer(status, extra)

        def answer(self, status, extra):
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


def main():
    options = arguments()
    receiver = Receiver(options)
    server = ThreadingHTTPServer((options.host, options.port), handler(receiver))
    server.daemon_threads = True

    def stop(*_):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not receiver.secrets:
        print("no --secret-file: signatures are not checked", file=sys.stderr)
    print(f"listening on http://{options.host}:{server.server_port}/", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
