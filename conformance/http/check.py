"""Holds the running server to its own OpenAPI document, with schemathesis (see ../README.md)."""

import os
import ssl
import sys
import urllib.request
from pathlib import Path

SERVER = f"https://api.cache.{os.environ['KURA_ENDPOINT']}"
KEY = os.environ["KURA_API_KEY"]
CA = os.environ["KURA_CA"]

# A topic that has a message, so that those who read it need not wait for one.
publish = urllib.request.Request(
    f"{SERVER}/topics/schemathesis/schemathesis",
    data=b"hello",
    headers={"Authorization": KEY, "Content-Type": "text/plain"},
)
with urllib.request.urlopen(publish, context=ssl.create_default_context(cafile=CA), timeout=10) as answer:
    assert answer.status == 204, answer.status

arguments = [
    *["--config-file", str(Path(__file__).resolve().with_name("schemathesis.toml"))],
    *["run", f"{SERVER}/openapi.json", "--tls-verify", CA, "-H", f"Authorization: {KEY}"],
    # No chains of calls: they would end with the revocation of the key in use.
    *["--phases", "coverage,fuzzing", "--max-examples", os.environ.get("KURA_EXAMPLES", "5")],
    *["--seed", "1", "--request-timeout", "10", "--no-color"],
]
# What it remembers from one run to the next stays out of the sources.
os.chdir(Path(sys.prefix))
program = Path(sys.executable).with_name("schemathesis")
os.execv(program, [str(program), *arguments])
