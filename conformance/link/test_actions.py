"""link/aws-api/ACTIONS.md: every action that is answered, with a test that called it."""

import subprocess

import pytest

from conftest import CALLED, ROOT

TABLE = ROOT / "link/aws-api/ACTIONS.md"
HEAD = """# Actions

Every action that is answered, and a test in `conformance/link` that called it with boto3 and compared the answer with
botocore's model element by element. Written by those tests (`pytest --write-actions`), which fail when it is stale.
Anything else answers `InvalidAction`.

| service | action | test |
|---|---|---|
"""


def test_the_table_of_actions_is_what_the_tests_have_called(binary, request):
    if request.config.getoption("keyword") or any("::" in argument for argument in request.config.args):
        pytest.skip("only some tests ran")
    listed = subprocess.run([binary, "--actions"], capture_output=True, text=True, check=True).stdout.split("\n")
    listed = [tuple(line.split()) for line in listed if line]
    assert len(listed) == len(set(listed))
    silent = [action for action in listed if action not in CALLED]
    assert not silent, f"answered, and called by no test: {silent}"
    rows = [f"| {service} | {action} | {min(CALLED[(service, action)])} |\n" for service, action in sorted(listed)]
    text = HEAD + "".join(rows)
    if request.config.getoption("--write-actions"):
        TABLE.write_text(text)
    assert TABLE.read_text() == text, "stale; run pytest --write-actions"
