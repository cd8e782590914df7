"""A publisher of alarms that keeps a ledger of its own: what the broker acknowledged, the daemon must account for."""
import json
import random
import threading
import time

from mqtt import Publisher

AREA = "320102"


class Fleet(threading.Thread):
    def __init__(self, port, seed, rate, panels=300, hydrants=100):
        super().__init__(daemon=True)
        self.random = random.Random(f"{seed}-fleet")
        self.publisher = Publisher(port, f"chaos-{seed}")
        self.rate, self.panels, self.hydrants = rate, panels, hydrants
        self.stopped = threading.Event()
        self.sent = 0
        self.fires = {}  # (panel, component): ts; each component burns once
        self.resets = {}  # panel: [ts]
        self.burning = set()  # panels
        self.faults = []  # (panel, component)
        self.tilted = set()
        self.clock = 0
        self.error = None

    def run(self):
        try:
            start = time.monotonic()
            while not self.stopped.wait(max(0, start + self.sent / self.rate - time.monotonic())):
                self.step()
            for panel in sorted(self.burning)[::2]:  # half of what burns goes on burning
                self.reset(panel)
            self.publisher.flush(60)
        except Exception as error:
            self.error = error

    def step(self):
        chance = self.random.random()
        if chance < 0.45:
            self.fire()
        elif chance < 0.6 and self.burning:
            self.reset(self.random.choice(sorted(self.burning)))
        elif chance < 0.75:
            self.fault()
        elif chance < 0.85 and self.faults:
            panel, component = self.faults.pop(self.random.randrange(len(self.faults)))
            self.event(panel, {"event": "restored", "component": component})
        else:
            self.tilt()

    def now(self):
        """Never the same twice, so that a time names a message."""
        self.clock = max(self.clock + 1, int(time.time() * 1000))
        return self.clock

    def send(self, kind, device, stream, message, tag=None):
        self.sent += 1
        self.publisher.publish(f"fire/v1/{AREA}/{kind}/{device}/{stream}", json.dumps(message), tag)

    def event(self, panel, event, tag=None):
        self.send("panel", panel, "event", {"ts": self.clock, **event}, tag)

    def fire(self):
        panel, component, ts = f"panel-{self.random.randrange(self.panels):03}", f"1-1-{self.sent}", self.now()
        self.fires[panel, component] = ts
        self.burning.add(panel)
        self.event(panel, {"event": "fire", "component": component}, tag=("fire", panel, component, ts))

    def reset(self, panel):
        ts = self.now()
        self.burning.discard(panel)
        self.resets.setdefault(panel, []).append(ts)
        self.event(panel, {"event": "reset"}, tag=("reset", panel, None, ts))

    def fault(self):
        panel, component = f"panel-{self.random.randrange(self.panels):03}", f"2-1-{self.sent}"
        self.now()
        self.faults.append((panel, component))
        self.event(panel, {"event": "fault", "component": component})

    def tilt(self):
        hydrant = f"hydrant-{self.random.randrange(self.hydrants):03}"
        self.tilted ^= {hydrant}
        self.send("hydrant", hydrant, "telemetry", {"ts": self.now(), "values": {"tilt": hydrant in self.tilted}})

    def stop(self):
        self.stopped.set()
        self.join()
        if self.error:
            raise self.error

    def acknowledged(self, kind):
        with self.publisher.changed:
            return [tag for tag in self.publisher.acknowledged if tag[0] == kind]
