"""The examples of docs/webhooks.md, cut out of it and run with the vectors that Swift's is run with."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gateway import ROOT

VECTORS = json.loads((ROOT / "Tests/Fixtures/Webhooks/signatures.json").read_text())


def block(language, document):
    blocks = [part.split("```")[0] for part in (ROOT / document).read_text().split(f"```{language}\n")[1:]]
    if len(blocks) != 1:
        raise ValueError(f"{document} has {len(blocks)} examples in {language}")
    return blocks[0]


class ExampleTests(unittest.TestCase):
    def judge(self, is_genuine):
        self.assertGreater(sum(vector["valid"] for vector in VECTORS), 4)
        self.assertGreater(sum(not vector["valid"] for vector in VECTORS), 4)
        for vector in VECTORS:
            with self.subTest(vector["name"]):
                self.assertEqual(is_genuine(vector), vector["valid"])

    def test_python(self):
        names = {}
        exec(block("python", "docs/webhooks.md"), names)

        def is_genuine(vector):
            headers = {
                "webhook-id": vector["id"], "webhook-timestamp": vector["timestamp"],
                "webhook-signature": vector["signature"],
            }  # fmt: skip
            if vector["clock"]:
                headers["firesense-clock"] = vector["clock"]
            return names["is_genuine"](vector["secrets"], headers, vector["body"].encode(), vector["now"])

        self.judge(is_genuine)
        self.assertFalse(names["is_genuine"](VECTORS[0]["secrets"], {}, VECTORS[0]["body"].encode(), VECTORS[0]["now"]))

    def test_shell(self):
        script = block("sh", "docs/webhooks.md") + 'is_genuine "$@"\n'
        with tempfile.TemporaryDirectory() as name:
            secrets, body = pathlib.Path(name, "secrets"), pathlib.Path(name, "body")

            def is_genuine(vector):
                secrets.write_text("\n".join(vector["secrets"]))
                body.write_text(vector["body"])
                words = [secrets, vector["id"], vector["timestamp"], vector["signature"], body]
                words += [vector["clock"]] if vector["clock"] else []
                run = subprocess.run(
                    ["sh", "-uc", script, "is_genuine", *words], env={"PATH": "/usr/bin:/bin", "NOW": str(vector["now"])},
                    stderr=subprocess.PIPE)  # fmt: skip
                self.assertEqual(run.stderr, b"")
                return run.returncode == 0

            self.judge(is_genuine)

    def test_both_languages_have_the_same_examples(self):
        for language in ("python", "sh", "yaml"):
            self.assertEqual(block(language, "docs/webhooks.md"), block(language, "docs/webhooks.zh.md"))


if __name__ == "__main__":
    unittest.main()
