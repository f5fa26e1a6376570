"""Who signs, and who does not."""

import http.client
import urllib.parse

from conftest import CONSUMER, PROVIDER, Account, Server, name_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_true_signature_says_who_it_is(me, provider):
    assert me.sts.get_caller_identity()["Account"] == "000000000000"
    identity = provider.sts.get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == ("111111111111", "arn:aws:iam::111111111111:root")


def test_a_false_signature_is_refused_in_each_services_words(server, request, refused):
    wrong = Account(server, (CONSUMER[0], "guessed", CONSUMER[2]), name_of(request))
    with refused("SignatureDoesNotMatch", 403):
        wrong.sts.get_caller_identity()
    with refused("SignatureDoesNotMatch", 403):
        wrong.elbv2.describe_load_balancers()
    with refused("AuthFailure", 401):
        wrong.ec2.describe_vpcs()
    nobody = Account(server, ("AKIANOBODY", "x", ""), name_of(request))
    with refused("InvalidClientTokenId", 403):
        nobody.sts.get_caller_identity()
    with refused("AuthFailure", 401):
        nobody.ec2.describe_vpcs()
    elsewhere = Account(server, CONSUMER, name_of(request), region="eu-west-1")
    with refused("SignatureDoesNotMatch", 403) as error:
        elsewhere.sts.get_caller_identity()
    assert "eu-west-1" in error.message


def test_an_assumed_role_is_its_account(server, me, provider, request, refused):
    role = f"arn:aws:iam::{provider.id}:role/deploy"
    answer = me.sts.assume_role(RoleArn=role, RoleSessionName="test")
    given = answer["Credentials"]
    key = (given["AccessKeyId"], given["SecretAccessKey"], provider.id)
    assumed = Account(server, key, name_of(request), given["SessionToken"])
    identity = assumed.sts.get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{provider.id}:assumed-role/deploy/test"
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert assumed.ec2.describe_vpcs()["Vpcs"][0]["OwnerId"] == provider.id
    without = Account(server, key, name_of(request))
    with refused("InvalidClientTokenId", 403):
        without.sts.get_caller_identity()
    with refused("AccessDenied", 403):
        me.sts.assume_role(RoleArn="arn:aws:iam::999999999999:role/x", RoleSessionName="test")


def test_any_key_does_where_that_is_asked_for(binary, request):
    server = Server(binary, "--accept-any-key")
    try:
        own = Account(server, (PROVIDER[0], "wrong", ""), name_of(request))
        assert own.sts.get_caller_identity()["Account"] == PROVIDER[2]
        number = Account(server, ("222222222222", "x", ""), name_of(request))
        assert number.sts.get_caller_identity()["Account"] == "222222222222"
        other = Account(server, ("test", "x", ""), name_of(request))
        assert other.sts.get_caller_identity()["Account"] == CONSUMER[2]
    finally:
        server.stop()


def raw(server, method="POST", body="", headers=FORM):
    connection = http.client.HTTPConnection(server.address, timeout=10)
    connection.request(method, "/", body, headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_what_is_no_signed_request(server):
    status, text = raw(server, body="Action=DescribeVpcs&Version=2016-11-15")
    assert status == 403 and "<Response><Errors><Error><Code>MissingAuthenticationToken</Code>" in text
    status, text = raw(server, body="Action=GetCallerIdentity&Version=2011-06-15")
    assert status == 403 and "<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken" in text
    status, text = raw(server, "GET", headers={})
    assert status == 200 and "--endpoint-url" in text
    status, text = raw(server, headers={**FORM, "Origin": "http://localhost"})
    assert status == 403 and "Origin header" in text
    status, text = raw(server, headers={**FORM, "Host": "example.com"})
    assert status == 403 and "'example.com'" in text
    assert raw(server, body="x" * (2 << 20))[0] == 413
    assert raw(server, body="%ff")[0] == 400
    assert raw(server, headers={"Content-Type": "application/json"})[0] == 415
    body = urllib.parse.urlencode({"Action": "DescribeVpcs", "Version": "2016-11-15"})
    assert "IncompleteSignature" in raw(server, body=body, headers={**FORM, "Authorization": "Basic x"})[1]
