"""Instances, and what their processes can reach."""

import json
import os
import pathlib
import select
import subprocess
import time

from daemon import LIMIT, python

AGENT = (pathlib.Path(__file__).parent / "agent.py").read_text()
# Long enough for a packet that passes, many times over.
PATIENCE = 5
# How long one that must not pass is waited for; the kernel sends a second SYN after 1 s only.
SILENCE = 0.5


class Agent:
    """A process inside an instance that does what it is told."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [*command, "-u", "-c", AGENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )
        self.pid = self.process.pid

    def __call__(self, do, **what):
        self.process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT)
        assert ready, f"no answer to {do} {what}"
        line = self.process.stdout.readline()
        assert line, f"the agent ended before it answered {do} {what}"
        answer = json.loads(line)
        assert "failed" not in answer, f"{do} {what}: {answer['failed']}"
        return answer["answer"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Instance:
    """An instance and, once it is needed, an agent in it."""

    def __init__(self, account, name, subnet=None, groups=(), **more):
        self.account, self.daemon, self.name = account, account.daemon, name
        launched = account.ec2.run_instances(
            ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet or account.subnets[0],
            **({"SecurityGroupIds": list(groups)} if groups else {}), **more,
        )["Instances"][0]
        self.id, self.address = launched["InstanceId"], launched["PrivateIpAddress"]
        self.public = launched.get("PublicIpAddress")
        self.agent_ = self.root_ = None

    @property
    def agent(self):
        """As the calling user, without rights: `kura-link exec`."""
        self.agent_ = self.agent_ or Agent(self.daemon.command("exec", self.id, "--", python()))
        return self.agent_

    @property
    def root(self):
        """With every right over the instance's own network, which `kura-link exec` never gives."""
        self.root_ = self.root_ or Agent([*self.entering(), python()])
        return self.root_

    def entering(self):
        """What a command is put behind to be root of the instance's network namespace."""
        pid = str(self.agent.pid)
        assert self.agent("who")["capabilities"] == "0000000000000000"
        if os.geteuid() == 0:
            return ["nsenter", "--target", pid, "--net", "--"]
        # The anchor's user namespace owns the network namespace, and its user is 0 there.
        anchor = str(self.daemon.anchor())
        return ["nsenter", "--target", anchor, "--user", "--preserve-credentials", "--",
                "nsenter", "--target", pid, "--net", "--"]

    def as_root(self, *command):
        """Runs a command as root of the instance's network; must succeed."""
        done = subprocess.run([*self.entering(), *command], capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def groups(self, *groups):
        self.account.ec2.modify_instance_attribute(InstanceId=self.id, Groups=list(groups))

    def serve(self, port, **more):
        self.agent("serve", name=self.name, port=port, **more)

    def reaches(self, to, port, **more):
        """Who answers at an address or name: the other side's name, as nobody else would say it."""
        found = self.agent("connect", to=to, port=port, patience=PATIENCE, **more)
        assert "name" in found, f"{self.name} does not reach {to}:{port}: {found}"
        return found["name"]

    def refused(self, to, port):
        """Whether nothing at all comes back."""
        found = self.agent("connect", to=to, port=port, patience=SILENCE)
        assert "name" not in found, f"{self.name} reaches {to}:{port}: {found}"
        return found["error"]

    def hold(self, to, port):
        """A connection that stays; `say` asks whether it still carries bytes."""
        found = self.agent("connect", to=to, port=port, patience=PATIENCE, hold=True)
        assert "held" in found, found
        return found["held"]

    def say(self, held, patience=PATIENCE):
        return self.agent("say", held=held, patience=patience)

    def datagram(self, to, port, patience=PATIENCE):
        return self.agent("datagram", to=to, port=port, patience=patience)

    def dig(self, *words):
        """What `dig` says inside: status, answers as (name, ttl, type, data), authorities, and the whole text."""
        text = self.daemon.run("exec", self.id, "--", "dig", "+tries=1", "+time=3", *words)
        return Dig(text)

    def terminate(self):
        self.close()
        self.account.ec2.terminate_instances(InstanceIds=[self.id])

    def close(self):
        for agent in (self.root_, self.agent_):
            if agent:
                agent.close()
        self.root_ = self.agent_ = None


class Dig:
    """An answer that `dig` printed."""

    def __init__(self, text):
        self.text = text
        self.status = text.split("status: ")[1].split(",")[0] if "status: " in text else "none"
        self.answers = self.section("ANSWER")
        self.authorities = self.section("AUTHORITY")

    def section(self, name):
        if f";; {name} SECTION:" not in self.text:
            return []
        lines = self.text.split(f";; {name} SECTION:\n")[1].split("\n\n")[0].splitlines()
        parts = [line.split(None, 4) for line in lines]
        return [(part[0].rstrip("."), int(part[1]), part[3], part[4].rstrip(".")) for part in parts]

    def data(self, kind):
        return sorted(data for _, _, found, data in self.answers if found == kind)


class World:
    """A daemon with its instances; the provider's servers are open to every private address."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.instances = []

    def instance(self, account, name, **more):
        made = Instance(account, name, **more)
        self.instances.append(made)
        return made

    def target(self, account, name, port=443, **more):
        """An instance of the provider's that serves a port to whoever its VPC is."""
        group = account.group(ingress=[("tcp", 1, 65535, "0.0.0.0/0")])
        made = self.instance(account, name, groups=[group], **more)
        made.serve(port)
        return made

    def publish(self, target, *names, **options):
        """What `kura-link publish` prints: parameter to service name."""
        words = ["publish", "--target", target]
        for name in names:
            words += ["--private-dns", name]
        for option, value in options.items():
            words += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
        return dict(line.split(" = ") for line in self.daemon.run(*words).splitlines())

    def close(self):
        for instance in self.instances:
            instance.close()
        self.daemon.down()


def wait_for(holds, seconds=3):
    """Until something holds; what it was."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.05)
    return found
