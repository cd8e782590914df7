"""What the daemon signs, judged by the package `standardwebhooks` of PyPI, which we did not write. Tests/python/run.sh installs it.

Environment: FIRESENSE_BIN, the folder of `firesense`."""
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

import standardwebhooks

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Deploy/examples"))
import receiver as reference
from gateway import Broker, Gateway, new_secret, wait_for
from mqtt import Publisher
from recorder import Recorder


class StandardWebhooksTests(unittest.TestCase):
    def judge(self, secret, request):
        return standardwebhooks.Webhook(secret).verify(request.body, request.headers)

    def refuse(self, secret, body, headers):
        with self.assertRaises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(body, headers)

    def test_deliveries(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="firesense-signed-")))
        old, new = folder / "old", folder / "new"
        new_secret(old)
        new_secret(new)
        (folder / "both").write_text(old.read_text() + new.read_text())
        secrets = [path.read_text().strip() for path in (old, new)]
        receiver = Recorder()
        self.addCleanup(receiver.die)
        broker = Broker(folder)
        self.addCleanup(broker.stop)
        endpoint = f'url: "http://127.0.0.1:{receiver.port}/", secret_file: both, heartbeat: 200ms'
        gateway = Gateway(os.environ["FIRESENSE_BIN"], folder, broker, {"duty-room": endpoint})
        gateway.start()
        self.addCleanup(gateway.program.stop)
        gateway.ready()
        publisher = Publisher(broker.port, "signed")
        self.addCleanup(publisher.close)
        now = int(time.time() * 1000)
        event = {"ts": now, "event": "fire", "component": "1-1-40-7", "detail": '火警 "quoted" \\ \u2028 €'}
        publisher.publish("fire/v1/320102/panel/panel-01/event", json.dumps(event, ensure_ascii=False))
        publisher.publish("fire/v1/320102/panel/panel-01/event", json.dumps({"ts": now + 1, "event": "reset"}))
        publisher.flush()

        def types():
            return {json.loads(request.body)["type"] for request in receiver.accepted()}

        wanted = {"firesense.alarm.raised", "firesense.alarm.cleared", "firesense.heartbeat"}
        wait_for("fire, its end and a heartbeat", lambda: wanted <= types())
        for request in receiver.accepted():
            for secret in secrets:
                parsed = self.judge(secret, request)
                self.assertEqual(parsed["id"], request.headers["webhook-id"])
            self.refuse("whsec_" + "A" * 32, request.body, request.headers)
            self.refuse(secrets[0], request.body.replace(b'"', b"'", 1), request.headers)
            later = str(int(request.headers["webhook-timestamp"]) + 1)
            self.refuse(secrets[0], request.body, {**request.headers, "webhook-timestamp": later})

    def test_reference_receiver_agrees(self):
        """The model takes what the package signs."""
        secret, body, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '{"火":"警"}', time.time()
        moment = standardwebhooks.webhooks.datetime.fromtimestamp(int(now), standardwebhooks.webhooks.timezone.utc)
        signature = standardwebhooks.Webhook(secret).sign("id-1", moment, body)
        headers = {"webhook-id": "id-1", "webhook-timestamp": str(int(now)), "webhook-signature": signature}
        keys = [reference.base64.b64decode(secret.removeprefix("whsec_"))]
        self.assertIsNone(reference.verify(keys, headers, body.encode(), 300, now))
        self.assertIsNotNone(reference.verify(keys, headers, b"{}", 300, now))


if __name__ == "__main__":
    unittest.main()
