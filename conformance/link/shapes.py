"""Compares an answer's XML with botocore's model of it: an element the model does not know is an error.

botocore itself drops such elements without a word, so that a misspelt name would look like a value that is not there.
"""

from xml.etree import ElementTree


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def unknown(body, operation):
    """The paths of elements that are not in the operation's output shape."""
    root = ElementTree.fromstring(body)
    shape = operation.output_shape
    if operation.service_model.metadata["protocol"] == "ec2":
        if local(root) != operation.name + "Response":
            return [local(root)]
        # `return` is in every answer of EC2 that has nothing else to say, also where the model leaves it out.
        inside = [child for child in root if local(child) not in ("requestId", "return")]
    else:
        inside = []
        for child in root:
            if local(child) == operation.name + "Result":
                inside = list(child)
            elif local(child) != "ResponseMetadata":
                return [local(child)]
    return list(walk(inside, shape, operation.name, operation))


def walk(children, shape, path, operation):
    members = {} if shape is None else {
        member.serialization.get("name", name): member for name, member in shape.members.items()
    }
    seen = set()
    for child in children:
        name = local(child)
        if name not in members:
            yield f"{path}.{name}"
            continue
        if name in seen:
            yield f"{path}.{name} (twice)"
        seen.add(name)
        yield from value(child, members[name], f"{path}.{name}", operation)


def value(element, shape, path, operation):
    if shape.type_name == "structure":
        yield from walk(list(element), shape, path, operation)
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        for index, child in enumerate(element):
            if local(child) != item:
                yield f"{path}[{index}] is <{local(child)}>, not <{item}>"
            yield from value(child, shape.member, f"{path}[{index}]", operation)
    elif len(element):
        yield f"{path} has elements, the model says {shape.type_name}"
