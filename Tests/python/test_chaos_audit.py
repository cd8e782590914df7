"""The audit of the chaos run finds what it is there to find."""
import copy
import json
import pathlib
import sqlite3
import sys
import tempfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "chaos")]
from audit import Change, audit_endpoint, audit_publisher
from recorder import Answer, Request


class Endpoint:
    name = "duty-room"
    forged = ()

    def takes(self, alarm):
        return alarm["category"] in ("fire", "fault", "system")

    def problem(self, request):
        return "forged" if request.headers["webhook-id"] in self.forged else None


def change(alarm, kind, revision, **fields):
    snapshot = {
        "id": alarm, "revision": revision, "category": "fire", "rule": "fire", "component": None, "suppressed": [],
        "state": "cleared" if kind == "cleared" else "active", **fields,
    }  # fmt: skip
    return Change(alarm, kind, revision, json.dumps(snapshot))


def request(change, type=None, identity=None):
    identity = identity or f"{change.alarm}-{type or change.kind}-{change.revision}"
    event = {"id": identity, "type": f"firesense.alarm.{type or change.kind}", "data": change.snapshot}
    return Request({"webhook-id": identity}, json.dumps(event).encode(), Answer(), 0)


class EndpointAuditTests(unittest.TestCase):
    def setUp(self):
        self.endpoint = Endpoint()
        self.a = [change("a", "raised", 1), change("a", "occurrence", 2), change("a", "acknowledged", 3), change("a", "cleared", 4)]
        self.b = [change("b", "raised", 1)]
        self.changes = {"a": self.a, "b": self.b}
        self.good = [request(self.a[0]), request(self.b[0]), request(self.a[2]), request(self.a[3])]

    def found(self, accepted, more=()):
        return list(audit_endpoint(self.endpoint, [*accepted, *more], accepted, self.changes))

    def test_good(self):
        self.assertEqual(self.found(self.good), [])
        again = [*self.good, self.good[0], self.good[2]]
        self.assertEqual(self.found(again), [], "repetitions are allowed")

    def test_lost(self):
        for index in range(len(self.good)):
            self.assertIn("lost", "".join(self.found(self.good[:index] + self.good[index + 1 :])))
        self.assertIn("lost", "".join(self.found(self.good[:3], more=[self.good[3]])), "refused is not delivered")

    def test_order(self):
        self.assertIn("order", "".join(self.found([self.good[0], self.good[1], self.good[3], self.good[2]])))

    def test_invented(self):
        self.assertIn("invented", "".join(self.found([*self.good, request(change("c", "raised", 1))])))
        self.assertIn("invented", "".join(self.found([*self.good, request(change("b", "cleared", 2))])))

    def test_content(self):
        altered = copy.deepcopy(self.a[0])
        altered.snapshot["severity"] = "minor"
        self.assertIn("content", "".join(self.found([request(altered), *self.good[1:]])))

    def test_ids(self):
        self.assertIn("2 ids", "".join(self.found([*self.good, request(self.a[0], identity="another")])))
        other_body = copy.deepcopy(self.a[0])
        other_body.snapshot["detail"] = "x"
        self.assertIn("two bodies", "".join(self.found([*self.good, request(other_body, identity="a-raised-1")])))
        self.endpoint.forged = ("b-raised-1",)
        self.assertIn("forged", "".join(self.found(self.good)))

    def test_who_is_told(self):
        self.changes = {
            "own": [change("own", "raised", 1, category="system", rule="webhook-failing", component="duty-room")],
            "other": [change("other", "raised", 1, category="system", rule="webhook-failing", component="city")],
            "water": [change("water", "raised", 1, category="water")],
            "held": [change("held", "raised", 1, category="fault", suppressed=["silence"]),
                     change("held", "cleared", 2, category="fault", suppressed=["silence"])],
            "late": [change("late", "raised", 1, category="fault", suppressed=["silence"]), change("late", "cleared", 2, category="fault")],
        }  # fmt: skip
        late = self.changes["late"][1]
        good = [request(self.changes["other"][0]), request(late, "raised"), request(late)]
        self.assertEqual(self.found(good), [])
        self.assertNotEqual(self.found([*good, request(self.changes["own"][0])]), [])
        self.assertNotEqual(self.found([*good, request(self.changes["water"][0])]), [])


class Fleet:
    def __init__(self, fires, resets):
        self.fires = {(panel, component): ts for panel, component, ts in fires}
        self.tags = [("fire", *fire) for fire in fires] + [("reset", panel, None, ts) for panel, ts in resets]

    def acknowledged(self, kind):
        return [tag for tag in self.tags if tag[0] == kind]


class PublisherAuditTests(unittest.TestCase):
    def found(self, fleet, alarms):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "store.sqlite")
            database = sqlite3.connect(path)
            database.execute("CREATE TABLE alarm(category TEXT, body TEXT)")
            for panel, component, state in alarms:
                body = {"device": {"id": panel}, "component": component, "state": state}
                database.execute("INSERT INTO alarm VALUES ('fire', ?)", (json.dumps(body),))
            database.commit()
            database.close()
            return list(audit_publisher(fleet, path))

    def test_fires(self):
        fleet = Fleet([("p", "1", 10), ("p", "2", 30), ("q", "1", 10)], [("p", 20)])
        good = [("p", "1", "cleared"), ("p", "2", "active"), ("q", "1", "active")]
        self.assertEqual(self.found(fleet, good), [])
        for index, (panel, component, state) in enumerate(good):
            other = (panel, component, "active" if state == "cleared" else "cleared")
            self.assertNotEqual(self.found(fleet, [*good[:index], *good[index + 1 :]]), [], "lost")
            self.assertNotEqual(self.found(fleet, [*good, good[index]]), [], "twice")
            self.assertNotEqual(self.found(fleet, [*good[:index], other, *good[index + 1 :]]), [], "in the wrong state")
        self.assertNotEqual(self.found(fleet, [*good, ("r", "1", "active")]), [], "never published")


if __name__ == "__main__":
    unittest.main()
