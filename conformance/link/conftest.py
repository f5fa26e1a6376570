"""A server of the API for each test that asks for one, and boto3 clients that check every answer's shape."""

import collections
import os
import pathlib
import subprocess

import boto3
import botocore.config
import pytest

import shapes

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "ap-northeast-1"
CONSUMER = ("AKIACONSUMER0000000", "consumer-secret", "000000000000")
PROVIDER = ("AKIAPROVIDER0000000", "provider-secret", "111111111111")

# Successful calls: service and action to the tests that made them.
CALLED = collections.defaultdict(set)
# Nothing is on its way any more when a request is looked at, so there is nothing to cancel.
ALWAYS_REFUSED = {"CancelUpdateStack"}


def pytest_addoption(parser):
    parser.addoption("--write-actions", action="store_true", help="write link/aws-api/ACTIONS.md anew")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.name == "test_the_table_of_actions_is_what_the_tests_have_called")


@pytest.fixture(scope="session")
def binary():
    if "KURA_BUILT" not in os.environ:
        example = ["--package", "kura-aws-api", "--example", "serve"]
        subprocess.run(["cargo", "build", "--quiet", *example], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "examples" / "serve"


class Server:
    def __init__(self, binary, *arguments):
        keys = [":".join(key) for key in (CONSUMER, PROVIDER)]
        self.process = subprocess.Popen(
            [binary, REGION, *keys, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self.process.stdout.readline().strip()
        self.url = f"http://{self.address}"

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(binary):
    server = Server(binary)
    yield server
    server.stop()


class Account:
    """One account's clients."""

    def __init__(self, server, key, test, session_token=None, region=REGION):
        self.server, self.key, self.test, self.id = server, key, test, key[2]
        self.session = boto3.Session(key[0], key[1], session_token, region)

    def client(self, service):
        config = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
        client = self.session.client(service, endpoint_url=self.server.url, config=config)
        client.meta.events.register("before-parse", self.check)
        return client

    def check(self, operation_model, response_dict, **_):
        if response_dict["status_code"] >= 300:
            if operation_model.name in ALWAYS_REFUSED:
                CALLED[(operation_model.service_model.signing_name, operation_model.name)].add(self.test)
            return
        unknown = shapes.unknown(response_dict["body"], operation_model)
        assert not unknown, f"not in botocore's model: {unknown}"
        CALLED[(operation_model.service_model.signing_name, operation_model.name)].add(self.test)

    def __getattr__(self, service):
        client = self.client(service)
        setattr(self, service, client)
        return client


def name_of(request):
    return f"{request.node.path.name}::{request.node.originalname or request.node.name}"


@pytest.fixture
def me(server, request):
    return Account(server, CONSUMER, name_of(request))


@pytest.fixture
def provider(server, request):
    return Account(server, PROVIDER, name_of(request))


class Refused:
    code = message = status = None


@pytest.fixture
def refused():
    """`with refused("Code") as error:` the call inside must be refused with this code."""
    import contextlib

    import botocore.exceptions

    @contextlib.contextmanager
    def refused(code, status=400):
        error = Refused()
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            yield error
        response = caught.value.response
        error.code, error.message = response["Error"]["Code"], response["Error"]["Message"]
        error.status = response["ResponseMetadata"]["HTTPStatusCode"]
        assert (error.code, error.status) == (code, status), error.message

    return refused
