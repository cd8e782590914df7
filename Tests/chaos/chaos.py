#!/usr/bin/env python3
"""Chaos: a real broker, the real daemon killed with -9 every few seconds, receivers that fail in every way, and a publisher
that raises and clears alarms meanwhile. At the end the receivers turn good, the outbox must become empty, and then everything
is held against everything: each change at least once at each endpoint that takes it, in order per alarm, one id and one body
for ever, nothing lost, nothing invented. Exit code 1 with the first violations.

    Tests/chaos.sh [--minutes 30] [--seed N] [--rate N] [--bin DIR] [--keep]
"""
import argparse
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "python"), str(pathlib.Path(__file__).parents[2] / "Deploy/examples")]
from audit import audit_endpoint, audit_publisher, history
from fates import Fate
from fleet import Fleet
from gateway import ROOT, Broker, Gateway, new_secret, wait_for
from receiver import verify


class Endpoint:
    """An entry of `webhooks` and the receiver behind it."""

    def __init__(self, name, profile, seed, folder, categories=(), excludes_fire=False, secrets=1):
        self.name, self.categories, self.excludes_fire = name, categories, excludes_fire
        self.fate = Fate(name, profile, seed)
        self.keys = [new_secret(folder / f"secret-{name}-{number}") for number in range(secrets)]
        texts = [(folder / f"secret-{name}-{number}").read_text() for number in range(secrets)]
        (folder / f"secret-{name}").write_text("".join(texts))

    @property
    def entry(self):
        select = f", select: {{ categories: [{', '.join(self.categories)}] }}" if self.categories else ""
        excludes = ", exclude_fire: true" if self.excludes_fire else ""
        port = self.fate.recorder.port
        return f'url: "http://127.0.0.1:{port}/", secret_file: secret-{self.name}, timeout: 1s, heartbeat: 5s{select}{excludes}'

    def takes(self, alarm):
        if alarm["category"] == "fire":
            return not self.excludes_fire
        return not self.categories or alarm["category"] in self.categories

    def problem(self, request):
        """What is wrong with its signatures: each of the secrets must have made one."""
        for key in self.keys:
            if problem := verify([key], request.headers, request.body, 10, int(request.headers.get("webhook-timestamp", 0))):
                return problem
        return None


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[-2].strip(), description="see the head of chaos.py")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", type=float, default=10, help="messages a second")
    parser.add_argument("--bin", default=ROOT / ".build/debug", help="folder of `firesense`")
    parser.add_argument("--deadline", type=float, default=300, help="seconds for the outbox to become empty")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    return parser.parse_args()


class Chaos:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.random = random.Random(f"{options.seed}-kills")
        seed = options.seed
        self.endpoints = [
            Endpoint("duty-room", "moody", seed, folder, secrets=2),
            Endpoint("city", "broken", seed, folder, categories=["fire"]),
            Endpoint("maintenance", "broken", seed, folder, categories=["fault", "tamper", "system"], excludes_fire=True),
            Endpoint("archive", "steady", seed, folder),
        ]
        self.broker = Broker(folder)
        # A flood is told of by one alarm instead of many; here each is to be told.
        more = "rules: { flood: { more_than: 0 } }"
        webhooks = {endpoint.name: endpoint.entry for endpoint in self.endpoints}
        self.gateway = Gateway(options.bin, folder, self.broker, webhooks, more)
        self.fleet = None
        self.kills = 0

    def run(self):
        start = time.monotonic()
        self.gateway.start()
        self.gateway.ready()
        self.fleet = Fleet(self.broker.port, self.options.seed, self.options.rate)
        self.fleet.start()
        end = start + self.options.minutes * 60
        shown = start
        while (now := time.monotonic()) < end and not self.fleet.error:
            # From in the middle of starting to well at work.
            time.sleep(min(self.random.uniform(0.2, 7), max(0, end - now)))
            self.restart()
            if now - shown > 10:
                shown = now
                self.show(f"{now - start:4.0f} s")
        self.fleet.stop()
        for endpoint in self.endpoints:
            endpoint.fate.turn_good()
        # What an endpoint holds back since it was told 410 is tried at a restart.
        self.restart()
        self.show("receivers are good")
        drain = time.monotonic()
        self.wait_until_empty()
        self.gateway.program.stop()
        self.show(f"outbox empty after {time.monotonic() - drain:.1f} s")

    def restart(self):
        self.gateway.program.kill()
        self.kills += 1
        self.gateway.start()

    def wait_until_empty(self):
        """Of messages and of deliveries, and that it stays so: the last success may be an alarm's end that is told, too."""
        self.gateway.ready()
        empty_since = None
        end = time.monotonic() + self.options.deadline
        while empty_since is None or time.monotonic() - empty_since < 3:
            stats = self.gateway.stats()
            isEmpty = stats.get("deliveries_pending") == 0 and all(
                lane.get("depth") == 0 for lane in stats.get("ring", {}).values())
            empty_since = (empty_since or time.monotonic()) if isEmpty else None
            if time.monotonic() > end:
                raise TimeoutError(f"the outbox is not empty after {self.options.deadline:.0f} s: {json.dumps(stats)}")
            time.sleep(0.2)

    def show(self, when):
        came = ", ".join(f"{endpoint.name} {len(endpoint.fate.recorder.accepted())}" for endpoint in self.endpoints)
        print(f"  {when}: {self.kills} kills, {self.fleet.sent} published; accepted: {came}", flush=True)

    def audit(self):
        changes = history(self.gateway.database)
        yield from audit_publisher(self.fleet, self.gateway.database)
        for endpoint in self.endpoints:
            recorder = endpoint.fate.recorder
            yield from audit_endpoint(endpoint, recorder.requests, recorder.accepted(), changes)

    def summary(self):
        changes = history(self.gateway.database)
        print(f"  {len(self.fleet.acknowledged('fire'))} fires and {len(self.fleet.acknowledged('reset'))} resets acknowledged by "
              f"the broker; {len(changes)} alarms, {sum(map(len, changes.values()))} changes; {self.kills} kills")  # fmt: skip
        for endpoint in self.endpoints:
            answers = ", ".join(f"{answer} {count}" for answer, count in sorted(endpoint.fate.count().items()))
            print(f"  {endpoint.name:12} {endpoint.fate.deaths} deaths; answered {answers}")

    def stop(self):
        if self.gateway.program:
            self.gateway.program.stop()
        self.broker.stop()


def main():
    options = arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firesense-chaos-"))
    print(f"chaos: {options.minutes:g} min, --seed {options.seed}, {folder}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    chaos = Chaos(options, folder)
    violations = []
    try:
        chaos.run()
        chaos.summary()
        violations = list(chaos.audit())
    except Exception as error:
        violations = [f"{type(error).__name__}: {error}"]
        print(chaos.gateway.log() if chaos.gateway.program else "", file=sys.stderr)
    finally:
        chaos.stop()
    if violations:
        print(f"chaos: {len(violations)} violations with --seed {options.seed}; {folder} is kept", file=sys.stderr)
        print("\n".join("  " + violation for violation in violations[:20]), file=sys.stderr)
        return 1
    print("  every change at least once, in order, one id and one body each; nothing lost, nothing invented")
    if not options.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
