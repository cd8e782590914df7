"""Holds what receivers accepted against the daemon's own history of alarms, and both against what was published.

What an endpoint should get is reckoned anew from the contract here, not read from the daemon's list of deliveries."""
import json
import sqlite3
from collections import defaultdict

ABOUT_ENDPOINTS = {"webhook-failing", "webhook-gone", "delivery-dead"}


class Change:
    def __init__(self, alarm, kind, revision, snapshot):
        self.alarm, self.kind, self.revision = alarm, kind, revision
        self.snapshot = json.loads(snapshot)

    @property
    def is_held_back(self):
        return self.snapshot["category"] not in ("fire", "system") and bool(self.snapshot.get("suppressed"))


def history(database):
    """The changes of each alarm, in their order."""
    changes = defaultdict(list)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for row in connection.execute("SELECT alarm, kind, revision, snapshot FROM alarm_change ORDER BY id"):
            changes[row[0]].append(Change(*row))
    return changes


def expected(endpoint, changes):
    """What one endpoint is told of one alarm: (type, alarm as it was)."""
    told, events = False, []
    for change in changes:
        alarm = change.snapshot
        if change.kind == "occurrence":
            continue
        if alarm["category"] == "system" and alarm["component"] == endpoint.name and alarm["rule"] in ABOUT_ENDPOINTS:
            continue
        takes = endpoint.takes(alarm)
        if not told and not takes:
            continue
        if change.is_held_back and (not told or change.kind in ("raised", "updated", "escalated")):
            continue
        kinds = [change.kind]
        if not told and change.kind != "raised":
            if change.kind == "cleared":
                kinds = ["raised", "cleared"]
            elif alarm["state"] == "active":
                kinds = ["raised"]
        events += [("firesense.alarm." + kind, alarm) for kind in kinds]
        told = True
    return events


def first_deliveries(requests):
    """By alarm, what was accepted for the first time, in the order in which it was."""
    seen, events = set(), defaultdict(list)
    for request in requests:
        event = json.loads(request.body)
        if event["type"].startswith("firesense.alarm.") and event["id"] not in seen:
            seen.add(event["id"])
            events[event["data"]["id"]].append((event["type"], event["data"]))
    return events


def named(event):
    return f"{event[0].rpartition('.')[2]}#{event[1]['revision']}"


def audit_endpoint(endpoint, requests, accepted, changes):
    """Violations, one text each."""
    bodies = {}
    for request in requests:
        identity = request.headers.get("webhook-id")
        if problem := endpoint.problem(request):
            yield f"{endpoint.name}: {identity}: {problem}"
        if json.loads(request.body)["id"] != identity:
            yield f"{endpoint.name}: {identity}: another id in the body"
        if bodies.setdefault(identity, request.body) != request.body:
            yield f"{endpoint.name}: {identity}: two bodies under one id"
    ids = defaultdict(set)
    for identity, body in bodies.items():
        event = json.loads(body)
        if event["type"] != "firesense.heartbeat":
            ids[event["type"], event["data"]["id"], event["data"]["revision"]].add(identity)
    for what, several in ids.items():
        if len(several) > 1:
            yield f"{endpoint.name}: {what}: {len(several)} ids for one change"

    received = first_deliveries(accepted)
    for alarm in received.keys() - changes.keys():
        yield f"{endpoint.name}: alarm {alarm} is invented"
    for alarm, its in changes.items():
        wanted, came = expected(endpoint, its), received.get(alarm, [])
        if came == wanted:
            continue
        names = [named(event) for event in came], [named(event) for event in wanted]
        what = "lost" if len(came) < len(wanted) else "invented" if len(came) > len(wanted) else "other order or content"
        yield f"{endpoint.name}: alarm {alarm}: {what}: came {names[0]}, expected {names[1]}"


def audit_publisher(fleet, database):
    """Every fire that the broker acknowledged is one alarm, every reset has ended what burned before it, nothing else burns."""
    fires = defaultdict(list)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for (body,) in connection.execute("SELECT body FROM alarm WHERE category = 'fire'"):
            alarm = json.loads(body)
            fires[alarm["device"]["id"], alarm["component"]].append(alarm)
    for _, panel, component, ts in fleet.acknowledged("fire"):
        if len(fires[panel, component]) != 1:
            yield f"fire of {panel} {component} at {ts}: {len(fires[panel, component])} alarms"
    for key, alarms in fires.items():
        if key not in fleet.fires:
            yield f"fire of {key}: {len(alarms)} alarms, never published"
    last = defaultdict(int)
    for _, panel, _, ts in fleet.acknowledged("reset"):
        last[panel] = max(last[panel], ts)
    for (panel, component), ts in fleet.fires.items():
        for alarm in fires.get((panel, component), []):
            state = "cleared" if ts < last[panel] else "active"
            if alarm["state"] != state:
                yield f"fire of {panel} {component} is {alarm['state']}, expected {state}"
