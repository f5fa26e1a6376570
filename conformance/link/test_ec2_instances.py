"""Instances and their interfaces."""

import base64

from test_ec2_network import default_vpc


def run(ec2, **more):
    return ec2.run_instances(ImageId="ami-00000000000000001", MinCount=1, MaxCount=1, **more)["Instances"][0]


def test_an_instance_lives_and_dies(me, refused):
    ec2 = me.ec2
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    assert image == "ami-00000000000000001"
    assert ec2.describe_instance_types()["InstanceTypes"][0]["InstanceType"] == "t3.micro"
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "host"}]}]
    data = "#!/bin/sh\necho hello\n"
    instance = run(ec2, TagSpecifications=tags, UserData=data, InstanceType="t3.micro")
    id = instance["InstanceId"]
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert instance["PrivateIpAddress"].startswith("172.31.")
    assert instance["PublicIpAddress"].startswith("203.0.113.")
    ec2.get_waiter("instance_running").wait(InstanceIds=[id])
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=[id])
    assert ec2.describe_instance_status()["InstanceStatuses"][0]["InstanceStatus"]["Status"] == "ok"
    shown = ec2.describe_instance_attribute(InstanceId=id, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(shown).decode() == data
    ec2.reboot_instances(InstanceIds=[id])
    stopped = ec2.stop_instances(InstanceIds=[id])["StoppingInstances"][0]
    assert (stopped["PreviousState"]["Name"], stopped["CurrentState"]["Name"]) == ("running", "stopped")
    with refused("IncorrectState"):
        ec2.reboot_instances(InstanceIds=[id])
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    everything = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert everything[0]["InstanceState"]["Name"] == "stopped"
    started = ec2.start_instances(InstanceIds=[id])["StartingInstances"][0]
    assert started["CurrentState"]["Code"] == 16
    again = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["host"]}])["Reservations"]
    assert again[0]["Instances"][0]["PrivateIpAddress"] == instance["PrivateIpAddress"]
    assert ec2.terminate_instances(InstanceIds=[id])["TerminatingInstances"][0]["CurrentState"]["Code"] == 48
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[id])
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    with refused("InvalidInstanceID.NotFound"):
        ec2.start_instances(InstanceIds=["i-0123456789abcdef0"])


def test_where_an_instance_goes(me, refused):
    ec2 = me.ec2
    vpc = default_vpc(ec2)
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["*c"]}])["Subnets"][0]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    nic = {
        "DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "Groups": [group], "AssociatePublicIpAddress": False,
        "PrivateIpAddress": "172.31.16.77",
    }
    instance = run(ec2, NetworkInterfaces=[nic])
    assert instance["PrivateIpAddress"] == "172.31.16.77" and "PublicIpAddress" not in instance
    assert instance["Placement"]["AvailabilityZone"] == "ap-northeast-1c"
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "g"}]
    interface = ec2.describe_network_interfaces()["NetworkInterfaces"][0]
    assert interface["Attachment"]["InstanceId"] == instance["InstanceId"]
    assert (interface["Status"], interface["InterfaceType"]) == ("in-use", "interface")
    default = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    ec2.modify_instance_attribute(InstanceId=instance["InstanceId"], Groups=[default])
    groups = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="groupSet")["Groups"]
    assert [found["GroupId"] for found in groups] == [default]
    id = interface["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=id, Groups=[group])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=id, Description={"Value": "mine"})
    shown = ec2.describe_network_interface_attribute(NetworkInterfaceId=id, Attribute="description")
    assert shown["Description"] == {"Value": "mine"}
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    with refused("InvalidParameterCombination"):
        run(ec2, NetworkInterfaces=[nic], SubnetId=subnet["SubnetId"])


def test_a_repeated_launch_makes_nothing_twice(me, refused):
    ec2 = me.ec2
    first = run(ec2, ClientToken="t")["InstanceId"]
    assert run(ec2, ClientToken="t")["InstanceId"] == first
    with refused("IdempotentParameterMismatch"):
        run(ec2, ClientToken="t", KeyName="k")
    many = ec2.run_instances(ImageId="ami-1", MinCount=2, MaxCount=3)
    assert [one["AmiLaunchIndex"] for one in many["Instances"]] == [0, 1, 2]
    assert len(ec2.describe_instances()["Reservations"]) == 2
    with refused("InvalidParameterCombination"):
        ec2.describe_instances(InstanceIds=[first], MaxResults=5)
    with refused("InvalidAMIID.Malformed"):
        ec2.run_instances(ImageId="debian", MinCount=1, MaxCount=1)
