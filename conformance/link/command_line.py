"""The `aws` command line, unmodified, without the half second it takes to start: see `warm.py`."""

import json
import pathlib
import select
import subprocess

WARM = pathlib.Path(__file__).with_name("warm.py")


class CommandLine:
    """The `aws` of one Python. What it writes goes to a directory that somebody else removes."""

    def __init__(self, python, directory):
        self.out, self.err = directory / "out", directory / "err"
        self.process = subprocess.Popen(
            [python, WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory
        )

    def run(self, arguments, environment):
        command = {"arguments": arguments, "environment": environment, "out": str(self.out), "err": str(self.err)}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answered, _, _ = select.select([self.process.stdout], [], [], 60)
        assert answered, f"no end within 60 s: {arguments}"
        return int(self.process.stdout.readline()), self.out.read_text(), self.err.read_text()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
