"""`aws` without the half second it takes to import itself: imports once, and forks for each command.

Run by the Python that has the command line. A line of JSON on standard input is a command: its arguments and
environment, and the files its output and errors go to; the answer is its exit status.
"""

import json
import os
import sys

before = dict(os.environ)
import awscli.clidriver  # noqa: E402

# Where its data lies it tells itself by the environment.
OWN = {name: value for name, value in os.environ.items() if before.get(name) != value}


def run(command):
    os.environ.clear()
    os.environ.update({**command["environment"], **OWN})
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    sys.argv = ["aws", *command["arguments"]]
    try:
        status = awscli.clidriver.main()
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
