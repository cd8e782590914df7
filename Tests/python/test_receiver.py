"""The reference receiver as consumers run it: as a program, over HTTP, killed and started again."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gateway import ROOT, wait_for

PROGRAM = ROOT / "Deploy/examples/receiver.py"
SINGLE = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json; charset=utf-8"


def alarm_event(identity, revision, state="active", type="updated", alarm="alarm-1"):
    data = {
        "id": alarm, "revision": revision, "state": state, "category": "fire", "severity": "critical",
        "title": {"zh": "火警", "en": "Fire"}, "device": {"id": f"panel-{identity}"},
    }  # fmt: skip
    return {
        "specversion": "1.0", "id": identity, "source": "/firesense/test", "type": f"firesense.alarm.{type}", "data": data,
    }  # fmt: skip


def heartbeat(identity, endpoint="duty-room"):
    data = {"gateway": "test", "endpoint": endpoint}
    return {"specversion": "1.0", "id": identity, "source": "/firesense/test", "type": "firesense.heartbeat", "data": data}


class ReceiverTests(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="firesense-receiver-")))
        self.keys = [os.urandom(24), os.urandom(32)]
        secrets = self.folder / "secrets"
        secrets.write_text("".join(f"whsec_{base64.b64encode(key).decode()}\n" for key in self.keys))
        self.database, self.output = self.folder / "taken.sqlite", self.folder / "output"
        self.options = ["--port", "0", "--secret-file", secrets, "--database", self.database, "--log", self.folder / "log"]
        self.process = None
        self.addCleanup(self.kill)

    def start(self, *more):
        self.output.write_text("")
        with open(self.output, "a") as output:
            command = [sys.executable, PROGRAM, *self.options, *more]
            self.process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        self.port = int(wait_for("it listens", lambda: self.line("listening on")).rsplit(":", 1)[1].strip("/"))

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def line(self, beginning):
        return next((line for line in self.output.read_text().splitlines() if beginning in line), None)

    def lines(self, word):
        return [line for line in self.output.read_text().splitlines() if word in line]

    def request(self, method, headers, body=b""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, "/alarms", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers
        finally:
            connection.close()

    def post(self, events, key=0, stamp=None, signed=None, content_type=None, **headers):
        body = json.dumps(events).encode()
        identity = (events[0] if isinstance(events, list) else events)["id"]
        stamp = int(time.time()) if stamp is None else stamp
        content = f"{identity}.{stamp}.".encode() + (signed if signed is not None else body)
        mac = hmac.new(self.keys[key] if isinstance(key, int) else key, content, hashlib.sha256).digest()
        fields = {
            "webhook-id": identity, "webhook-timestamp": str(stamp),
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
            "content-type": content_type or (BATCH if isinstance(events, list) else SINGLE),
        }  # fmt: skip
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.request("POST", fields, body)[0]

    def alarm(self, alarm="alarm-1"):
        with sqlite3.connect(self.database) as database:
            return database.execute("SELECT revision, state FROM alarm WHERE id = ?", (alarm,)).fetchone()

    def logged(self):
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def test_signature(self):
        self.start()
        event = alarm_event("e1", 1)
        self.assertEqual(self.post(event, signed=b"{}"), 401, "the body was changed")
        self.assertEqual(self.post(event, key=os.urandom(24)), 401, "a key nobody has")
        self.assertEqual(self.post(event, stamp=int(time.time()) - 301), 401, "old")
        self.assertEqual(self.post(event, stamp=int(time.time()) + 301), 401, "from the future")
        self.assertEqual(self.request("POST", {"content-type": SINGLE}, b"{}")[0], 401, "unsigned")
        self.assertIsNone(self.alarm(), "nothing of that was taken")
        self.assertEqual(self.post(event, key=0), 204)
        self.assertEqual(self.post(alarm_event("e2", 2), key=1), 204, "each of the keys")
        wrong = "v1," + base64.b64encode(bytes(32)).decode()
        event, stamp = json.dumps(alarm_event("e3", 3)).encode(), str(int(time.time()))
        right = base64.b64encode(hmac.new(self.keys[1], b"e3." + stamp.encode() + b"." + event, hashlib.sha256).digest())
        headers = {
            "webhook-id": "e3", "webhook-timestamp": stamp, "webhook-signature": f"{wrong} v1a,abc v1,{right.decode()}",
            "content-type": SINGLE,
        }  # fmt: skip
        self.assertEqual(self.request("POST", headers, event)[0], 204, "one of several signatures")

    def test_clock_that_is_not_set(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e1", 1), stamp=86_400, firesense_clock="unsynchronised"), 204)
        self.assertEqual(self.post(alarm_event("e2", 2), stamp=86_400, signed=b"", firesense_clock="unsynchronised"), 401)
        self.assertEqual(self.alarm(), (1, "active"))

    def test_taken_once_over_a_restart(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e1", 1)), 204)
        wait_for("it is shown", lambda: self.line("panel-e1"))
        wait_for("that is remembered", lambda: not self.to_do())
        self.kill()
        self.start()
        self.assertEqual(self.post(alarm_event("e1", 1)), 204, "a repetition is a success, too")
        self.assertEqual(self.post(alarm_event("e2", 2)), 204)
        wait_for("the next is shown", lambda: self.line("panel-e2"))
        self.assertIsNone(self.line("panel-e1"))
        self.assertEqual([line["duplicate"] for line in self.logged()], [False, True, False])

    def to_do(self):
        with sqlite3.connect(self.database) as database:
            return database.execute("SELECT count(*) FROM event WHERE todo IS NOT NULL").fetchone()[0]

    def test_acted_upon_after_a_crash(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e1", 1)), 204)
        wait_for("it is shown", lambda: self.line("panel-e1") and not self.to_do())
        self.kill()
        with sqlite3.connect(self.database) as database:
            # As a crash leaves it that comes between the answer and the act.
            database.execute("INSERT INTO event(id, at, todo) VALUES ('e2', ?, ?)", (time.time(), json.dumps(alarm_event("e2", 2))))
        self.start()
        wait_for("it is shown at the next start", lambda: self.line("panel-e2"))
        self.assertIsNone(self.line("panel-e1"))

    def test_revision_decides(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e3", 3, "cleared", "cleared")), 204)
        self.assertEqual(self.post(alarm_event("e1", 1, "active", "raised"), firesense_replay="true"), 204)
        self.assertEqual(self.alarm(), (3, "cleared"))
        wait_for("it is said", lambda: self.line("a newer change is known"))
        self.assertEqual([line["replay"] for line in self.logged()], [False, True])
        self.assertEqual(self.post(alarm_event("e4", 4, "cleared", "verdict")), 204)
        self.assertEqual(self.alarm(), (4, "cleared"))

    def test_batch(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e2", 1, alarm="b")), 204)
        events = [alarm_event("e1", 1, alarm="a"), alarm_event("e2", 1, alarm="b"), alarm_event("e3", 1, alarm="c")]
        self.assertEqual(self.post(events), 204)
        self.assertEqual([self.alarm(name) for name in "abc"], [(1, "active")] * 3)
        log = [(line["webhook_id"], line["duplicate"]) for line in self.logged()]
        self.assertEqual(log, [("e2", False), ("e1", False), ("e2", True), ("e3", False)])
        self.assertEqual(self.post(events, content_type=SINGLE), 400, "a batch says that it is one")
        self.assertEqual(self.post(alarm_event("e4", 1), content_type=BATCH), 400)
        broken = [alarm_event("e5", 1, alarm="d"), {"id": "e6"}]
        self.assertEqual(self.post(broken), 400)
        self.assertIsNone(self.alarm("d"), "all of a batch or nothing")

    def test_dead_mans_switch(self):
        self.start("--heartbeat", "0.3")
        self.assertEqual(self.post(heartbeat("h1", "other")), 204)
        self.assertEqual(self.post(heartbeat("h2")), 204)
        wait_for("the silence is told", lambda: len(self.lines("SILENT")) == 2)
        self.assertEqual(self.post(heartbeat("h2")), 204)
        self.assertIsNone(self.line("heartbeats again"), "an old heartbeat sent once more is no sign of life")
        self.assertEqual(self.post(heartbeat("h3")), 204)
        wait_for("it is back", lambda: self.line("heartbeats again: /firesense/test duty-room"))
        wait_for("and silent once more", lambda: len(self.lines("SILENT")) == 3)
        time.sleep(1.2)
        self.assertEqual(len(self.lines("SILENT")), 3, "told once")
        self.kill()
        self.start("--heartbeat", "0.3")
        wait_for("expected over a restart", lambda: len(self.lines("SILENT")) == 2)

    def test_handshake(self):
        self.start("--origin", "gateway-01", "--origin", "gateway-02")
        status, headers = self.request("OPTIONS", {"WebHook-Request-Origin": "gateway-02", "WebHook-Request-Rate": "120"})
        self.assertEqual((status, headers["WebHook-Allowed-Origin"], headers["WebHook-Allowed-Rate"]), (200, "gateway-02", "120"))
        self.assertIn("POST", headers["Allow"])
        status, headers = self.request("OPTIONS", {"WebHook-Request-Origin": "else.example"})
        self.assertEqual((status, headers["WebHook-Allowed-Origin"]), (403, None))
        self.assertEqual(self.request("OPTIONS", {})[0], 403)

    def test_not_durable_is_not_taken(self):
        self.start()
        with sqlite3.connect(self.database) as database:
            database.execute("ALTER TABLE alarm RENAME TO away")
        self.assertEqual(self.post(alarm_event("e1", 1)), 503)
        with sqlite3.connect(self.database) as database:
            database.execute("ALTER TABLE away RENAME TO alarm")
        self.assertEqual(self.post(alarm_event("e1", 1)), 204)
        self.assertEqual([line["duplicate"] for line in self.logged()], [False], "the first time left no trace")

    def test_test_event(self):
        self.start()
        event = {"specversion": "1.0", "id": "t1", "source": "/firesense/test", "type": "firesense.test", "data": {}}
        self.assertEqual(self.post(event), 204)
        wait_for("it is shown", lambda: self.line("test from /firesense/test"))

    def test_ids_are_forgotten_after_four_days(self):
        self.start()
        self.assertEqual(self.post(alarm_event("e1", 1)), 204)
        wait_for("it is done with", lambda: not self.to_do())
        self.kill()
        with sqlite3.connect(self.database) as database:
            database.execute("INSERT INTO event(id, at) VALUES ('young', ?)", (time.time() - 4 * 86_400 + 60,))
            database.execute("INSERT INTO event(id, at) VALUES ('old', ?)", (time.time() - 4 * 86_400 - 60,))
        self.start()

        def ids():
            with sqlite3.connect(self.database) as database:
                return {row[0] for row in database.execute("SELECT id FROM event")}

        wait_for("the old one goes", lambda: ids() == {"e1", "young"})


if __name__ == "__main__":
    unittest.main()
