"""`kura-link` itself, with a state directory of its own: started, asked, and gone afterwards whatever happens."""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse

import boto3
import botocore.config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from command_line import CommandLine  # noqa: E402

REGION = "ap-northeast-1"
CONSUMER = "000000000000"
PROVIDER = "111111111111"
ROOT = pathlib.Path(__file__).resolve().parents[3]
# Longest a command of the daemon's may take.
LIMIT = 60


def user():
    """The user id that everything is to run as; None: whoever runs the tests."""
    wanted = os.environ.get("KURA_LINK_AS")
    return int(wanted) if wanted and int(wanted) != os.geteuid() else None


def python():
    """An interpreter that user can run too."""
    return sys.executable if user() is None else "/usr/bin/python3"


class Program:
    """The built program, where any user can run it, and how to run it as the wanted one."""

    def __init__(self, built):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kura-link-"))
        self.dir.chmod(0o755)
        self.path = self.dir / "kura-link"
        shutil.copy(built, self.path)
        ids = [f"--reuid={user()}", f"--regid={user()}", "--clear-groups"]
        self.command = [] if user() is None else ["setpriv", *ids, "--"]

        self.aws_ = None

    def aws(self):
        """The `aws` command line."""
        self.aws_ = self.aws_ or CommandLine(sys.executable, self.dir)
        return self.aws_

    def remove(self):
        if self.aws_:
            self.aws_.stop()
        shutil.rmtree(self.dir)


class Daemon:
    """A running `kura-link`."""

    def __init__(self, program, *options):
        self.program = program
        self.state_dir = pathlib.Path(tempfile.mkdtemp(prefix="kura-link-state-"))
        if user() is not None:
            os.chown(self.state_dir, user(), user())
        self.accounts = {}
        try:
            self.run("up", "--detach", "--listen", "127.0.0.1:0", "--upstream", "none", *options)
            self.run("key", "create", "--account", PROVIDER)
        except BaseException:
            self.down()
            raise

    def command(self, *arguments):
        return [*self.program.command, self.program.path, "--state-dir", self.state_dir, *arguments]

    def ask(self, *arguments, limit=LIMIT):
        """Runs a command and says how it ended."""
        return subprocess.run(
            self.command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, cwd="/"
        )

    def run(self, *arguments, limit=LIMIT):
        """Runs a command that must succeed; what it printed."""
        done = self.ask(*arguments, limit=limit)
        assert done.returncode == 0, f"kura-link {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr}{done.stdout}"
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def environment(self):
        """What `aws.env` sets."""
        found = {}
        for line in (self.state_dir / "aws.env").read_text().splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            found[name] = value.strip("'")
        return found

    def account(self, id):
        if id not in self.accounts:
            self.accounts[id] = Account(self, id)
        return self.accounts[id]

    def aws(self, *arguments, account=CONSUMER):
        """The `aws` command line, unmodified; what it printed."""
        given = self.environment()
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": given[f"AWS_ACCESS_KEY_ID_{account}"],
            "AWS_SECRET_ACCESS_KEY": given[f"AWS_SECRET_ACCESS_KEY_{account}"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_MAX_ATTEMPTS": "1",
        }
        words = ["--endpoint-url", given["AWS_ENDPOINT_URL"], "--output", "json", *arguments]
        status, out, err = self.program.aws().run(words, environment)
        assert status == 0, f"aws {' '.join(arguments)}: {err}"
        return json.loads(out) if out.strip() else None

    def interface(self, holder, address=None):
        """What `status` counts at a network interface, found by its holder or its address."""
        every = [one for vpc in self.json("status")["vpcs"] for one in vpc["interfaces"]]
        found = [one for one in every if one["holder"] == holder and address in (None, one["address"])]
        assert len(found) == 1, found
        return found[0]

    def packets_to_public(self, vpc):
        """Packets that left a VPC by its internet gateway, counted after routing."""
        return next(one["packets_to_public"] for one in self.json("status")["vpcs"] if one["id"] == vpc)

    def anchor(self):
        """The process that holds the namespaces."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"anchor" in words[1:2] and str(self.state_dir).encode() in words:
                    return int(entry.name)
        raise AssertionError(f"no anchor holds {self.state_dir}")

    def pid(self):
        return int((self.state_dir / "lock").read_text())

    def kill(self):
        """Ends the daemon where it stands; what it made goes on."""
        pid = self.pid()
        ended = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        ready, _, _ = select.select([ended], [], [], LIMIT)
        os.close(ended)
        assert ready, f"the daemon, process {pid}, does not end"

    def up(self):
        """Starts the daemon again, where its clients know it."""
        self.run("up", "--detach", "--listen", urllib.parse.urlsplit(self.environment()["AWS_ENDPOINT_URL"]).netloc,
                 "--upstream", "none")

    def down(self):
        for account in self.accounts.values():
            account.close()
        try:
            done = self.ask("down", "--forget")
            assert done.returncode == 0, done.stderr
        finally:
            shutil.rmtree(self.state_dir, ignore_errors=True)


class Account:
    """boto3 clients of an account, and what it began with."""

    def __init__(self, daemon, id):
        given = daemon.environment()
        self.daemon, self.id = daemon, id
        self.keys = (given[f"AWS_ACCESS_KEY_ID_{id}"], given[f"AWS_SECRET_ACCESS_KEY_{id}"])
        session = boto3.Session(*self.keys, region_name=REGION)
        config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=LIMIT)
        client = lambda service: session.client(service, endpoint_url=given["AWS_ENDPOINT_URL"], config=config)
        self.ec2, self.cloudformation, self.elbv2 = client("ec2"), client("cloudformation"), client("elbv2")
        self.vpc = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        # In the order of their zones.
        subnets = self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["Subnets"]
        self.subnets = [one["SubnetId"] for one in sorted(subnets, key=lambda one: one["AvailabilityZone"])]
        self.zones = sorted(one["AvailabilityZone"] for one in subnets)
        self.groups_made = 0

    def close(self):
        for client in (self.ec2, self.cloudformation, self.elbv2):
            client.close()

    def group(self, ingress=(), egress=None, vpc=None):
        """A new security group. Rules are (protocol, first port, last port, peer); the peer is a CIDR or a group."""
        self.groups_made += 1
        name = f"g{self.groups_made}"
        made = self.ec2.create_security_group(GroupName=name, Description="of a test", VpcId=vpc or self.vpc)["GroupId"]
        if ingress:
            self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=permissions(ingress))
        if egress is not None:
            self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=permissions([EVERYTHING]))
            if egress:
                self.ec2.authorize_security_group_egress(GroupId=made, IpPermissions=permissions(egress))
        return made

    def allow(self, group, *rules):
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions(rules))

    def revoke(self, group, *rules):
        self.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions(rules))

    def default_group(self):
        named = {"Name": "group-name", "Values": ["default"]}
        of = {"Name": "vpc-id", "Values": [self.vpc]}
        return self.ec2.describe_security_groups(Filters=[named, of])["SecurityGroups"][0]["GroupId"]

    def endpoint(self, service, subnets, groups, private_dns=True):
        made = self.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=self.vpc, ServiceName=service, SubnetIds=list(subnets),
            SecurityGroupIds=list(groups), PrivateDnsEnabled=private_dns,
        )
        return Endpoint(self, made["VpcEndpoint"]["VpcEndpointId"])


class Endpoint:
    """An interface endpoint, always as it is now."""

    def __init__(self, account, id):
        self.account, self.id = account, id

    def shown(self):
        return self.account.ec2.describe_vpc_endpoints(VpcEndpointIds=[self.id])["VpcEndpoints"][0]

    def names(self):
        return [entry["DnsName"] for entry in self.shown()["DnsEntries"]]

    def addresses(self):
        """Zone to address."""
        ids = self.shown()["NetworkInterfaceIds"]
        found = self.account.ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
        return {one["AvailabilityZone"]: one["PrivateIpAddress"] for one in found}

    def delete(self):
        assert self.account.ec2.delete_vpc_endpoints(VpcEndpointIds=[self.id])["Unsuccessful"] == []


EVERYTHING = ("-1", -1, -1, "0.0.0.0/0")


def permissions(rules):
    made = []
    for protocol, first, last, peer in rules:
        one = {"IpProtocol": protocol}
        if protocol != "-1":
            one |= {"FromPort": first, "ToPort": last}
        if peer.startswith("sg-"):
            one["UserIdGroupPairs"] = [{"GroupId": peer}]
        else:
            one["IpRanges"] = [{"CidrIp": peer}]
        made.append(one)
    return made
