"""cfn-lint as the oracle: it must accept what we accept, refuse what we refuse, and know every property we know.

Run with a Python that has cfn-lint: python3 oracle.py. Exits 0 when all agrees, 1 with a line for each that does not.
"""

import pathlib
import re
import sys

import cfnlint.api
import cfnlint.core
from cfnlint.config import ManualArgs
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER as SCHEMAS

REGION = "ap-northeast-1"
HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]

# Refused by us alone, and why.
ONLY_OURS = {
    "ipv6.yaml": "IPv6 is AWS's and not the link's",
    "not-well-formed.json": "AWS refuses a trailing comma in JSON; cfn-lint reads it as YAML",
    "null.yaml": "AWS refuses null values; cfn-lint takes an empty list of tags for none",
}
# Create-only for us, changed in place on AWS: each is documented in its file.
REPLACED_ONLY_HERE = {
    "AWS::EC2::Instance": {"InstanceType", "UserData"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {"SubnetMappings", "Subnets"},
}
# Replaced on AWS by their schema, and in place for us.
IN_PLACE_ONLY_HERE = {"AWS::EC2::SubnetRouteTableAssociation": {"RouteTableId"}}


def errors(path):
    found = cfnlint.api.lint(path.read_text(), config=ManualArgs(regions=[REGION]))
    return [f"{path.name}:{e.linenumber}: {e.rule.id} {e.message}" for e in found if e.rule.id.startswith("E")]


def handlers():
    """Our types: their name, the source that declares their properties, and that of their attributes."""
    source = (HERE.parent / "src/resources/mod.rs").read_text()
    handler = r'"(AWS::\w+::\w+)" => &(\w+)::\w+(?:\(Direction::(\w+)\))?'
    for name, module, direction in re.findall(handler, source):
        text = (HERE.parent / f"src/resources/{module}.rs").read_text()
        begin = text.index(f"const {direction.upper()}: &[Property]" if direction else "fn properties(")
        end = text.index("];" if direction else "fn attributes(&self)", begin)
        attributes = text[text.index("fn attributes(&self)") :]
        yield name, text[begin:end], attributes[: attributes.index("fn ", 3)]


def properties(body):
    found = {}
    # A declaration ends where the next begins.
    for part in re.split(r"Property::new\(", body)[1:]:
        name = re.match(r'\s*"(\w+)"', part).group(1)
        found[name] = {
            "required": ".required()" in part,
            "create_only": ".create_only()" in part,
            "unsupported": "Kind::Unsupported" in part,
        }
    if "TAGS" in body:
        found["Tags"] = {"required": False, "create_only": False, "unsupported": False}
    return found


def compare(name, declared, attributes):
    schema = SCHEMAS.get_resource_schema(REGION, name).schema
    ours = properties(declared)
    read_only = {path.rsplit("/", 1)[-1] for path in schema.get("readOnlyProperties", [])}
    theirs = set(schema["properties"]) - read_only
    create_only = {path.rsplit("/", 1)[-1] for path in schema.get("createOnlyProperties", [])}
    required = set(schema.get("required", []))
    for one in sorted(set(ours) - theirs):
        yield f"{name}: {one} is no property of AWS's"
    for one in sorted(required - {key for key, value in ours.items() if value["required"]}):
        yield f"{name}: {one} is required"
    for one, value in sorted(ours.items()):
        if value["unsupported"]:
            continue
        here = value["create_only"] and one not in REPLACED_ONLY_HERE.get(name, set())
        there = one in create_only and one not in IN_PLACE_ONLY_HERE.get(name, set())
        if here != there:
            yield f"{name}: {one} create-only here {here}, on AWS {there}"
    attributes = set(re.findall(r'"([\w.]+)"', attributes))
    getatts = {str(key) for key in SCHEMAS.get_resource_schema(REGION, name).get_atts}
    for one in sorted(attributes - getatts):
        yield f"{name}: Fn::GetAtt {one} is not AWS's"


def main():
    wrong = []
    good = [*sorted((HERE / "templates").glob("*.*")), *sorted((ROOT / "deploy").glob("*.yaml"))]
    for path in good:
        wrong += errors(path)
    bad = sorted((HERE / "templates/bad").iterdir())
    for path in bad:
        refused = bool(errors(path))
        if refused == (path.name in ONLY_OURS):
            wrong.append(f"{path.name}: cfn-lint {'refuses' if refused else 'accepts'} it")
    types = list(handlers())
    for one in types:
        wrong += compare(*one)
    for line in wrong:
        print(line)
    print(f"{len(good)} accepted, {len(bad)} refused, {len(types)} types compared: {len(wrong)} differ")
    return 1 if wrong or len(types) != 17 else 0


sys.exit(main())
