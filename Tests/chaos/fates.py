"""How receivers misbehave. All chance comes from the seed; when it strikes depends on when requests come."""
import random
import threading
import time
from email.utils import formatdate

from recorder import Answer, Recorder

# Weights of what is answered. `dies` is how often, in seconds, a receiver dies for a while; 0: never.
PROFILES = {
    "steady": {"weights": {"good": 1}, "dies": 0},
    "moody": {"weights": {"good": 60, "slow": 10, "500": 8, "404": 4, "429s": 3, "429d": 3, "reset": 6, "hang": 4, "410": 2}, "dies": 25},
    "broken": {"weights": {"good": 25, "500": 20, "404": 10, "429s": 6, "429d": 6, "reset": 15, "hang": 12, "410": 6}, "dies": 15},
}  # fmt: skip


class Fate:
    """One receiver, and what becomes of it until it turns good."""

    def __init__(self, name, profile, seed):
        self.name, self.profile = name, PROFILES[profile]
        self.random = random.Random(f"{seed}-{name}")
        self.lock = threading.Lock()
        self.is_good = False
        self.deaths = 0
        self.recorder = Recorder(choose=self.choose)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.live_and_die, daemon=True)
        self.thread.start()

    def choose(self, headers, body):
        with self.lock:
            if self.is_good:
                return Answer()
            weights = self.profile["weights"]
            what = self.random.choices(list(weights), list(weights.values()))[0]
            seconds = self.random.randint(1, 3)
            pause = self.random.uniform(0.05, 0.4)
        match what:
            case "good":
                return Answer()
            case "slow":
                return Answer(200, delay=pause)
            case "429s":
                return Answer(429, {"Retry-After": str(seconds)})
            case "429d":
                return Answer(429, {"Retry-After": formatdate(time.time() + seconds, usegmt=True)})
            case "hang":
                return Answer(None)
            case "reset":
                return Answer(None, resets=True)
            case status:
                return Answer(int(status))

    def live_and_die(self):
        while not self.stopped.is_set():
            if not self.profile["dies"]:
                return
            if self.stopped.wait(self.random.expovariate(1 / self.profile["dies"])):
                return
            self.deaths += 1
            self.recorder.die()
            self.stopped.wait(self.random.uniform(0.5, 6))
            self.recorder.start()

    def turn_good(self):
        self.stopped.set()
        self.thread.join()
        with self.lock:
            self.is_good = True
        self.recorder.release()

    def count(self):
        """Of each answer how many."""
        counts = {}
        with self.recorder.lock:
            for request in self.recorder.requests:
                answer = request.answer
                key = str(answer.status) if answer.status else "reset" if answer.resets else "hang"
                counts[key] = counts.get(key, 0) + 1
        return counts
