"""Fills moto: an organization of 14 accounts in organizational units of three levels, with instances in three regions.

Reads {"endpoint"} from standard input, writes what it made to standard output. The estate is the same every time, apart
from what moto itself takes from the clock.
"""

import json
import sys
import urllib.request

from aws import Caller

REGIONS = ["eu-central-1", "eu-west-1", "us-east-1"]
LINUX, ARM, WINDOWS = "ami-0a1b2c3d4e5f60001", "ami-0a1b2c3d4e5f60002", "ami-0a1b2c3d4e5f60003"

# Organizational units by path, parents first, and the accounts directly in each.
UNITS = {
    "/Root": ["Security Tooling"],
    "/Root/Engineering": ["Build"],
    "/Root/Engineering/Platform": ["Platform Production", "Platform Staging"],
    "/Root/Engineering/Platform/Edge & Cache": ["Edge Zürich", "Edge \"Oslo\""],
    "/Root/Engineering/Data": ["Data Lake", "Data, Science"],
    "/Root/Sales": ["Shop", "Shop (closed)"],
    "/Root/Sandbox": ["sandbox-1", "sandbox-2", "sandbox-3"],
    "/Root/Empty": [],
}
CLOSED = "Shop (closed)"

# How many reservations an account has in each region; the others have one everywhere.
RESERVATIONS = {
    "master": [1, 0, 1],
    "Build": [2, 1, 0],
    "Platform Production": [13, 6, 5],
    "Platform Staging": [5, 0, 0],
    "Data Lake": [0, 11, 0],
    "sandbox-2": [0, 0, 0],
}

TAGS = [
    [],
    [("Name", "web-1"), ("owner", "team a"), ("Env", "prod")],
    [("zeta", "last"), ("Alpha", "first"), ("alpha", "lower case"), ("Name", "")],
    [("Name", "comma, \"quote\" and 'apostrophe'"), ("empty", ""), (" padded ", "  spaces  ")],
    [("Name", "line\nbreak\n\nand\ttab"), ("backslash", "C:\\temp\\n"), ("slash", "a/b/c")],
    [("Name", "Grüße 東京 🚀 é"), ("ключ", "значение"), ("=cmd|' /C calc'!A0", "@SUM(1+1)")],
    [("name", "a tag `name` is no name"), ("null", "null"), ("number", "007"), ("bool", "true")],
    [(f"key-{number:02}", f"{{\"json\": {number}}}") for number in range(49, 0, -1)],
]


def reservation(ec2, network, number):
    """One launch; `number` decides everything about it."""
    image = [LINUX, ARM, LINUX, WINDOWS][number % 4]
    tags = [{"Key": key, "Value": value} for key, value in TAGS[number % len(TAGS)]]
    count = [1, 3, 2][number % 3]
    wish = {
        "ImageId": image,
        "InstanceType": ["t3.micro", "m7g.large", "c5.xlarge", "m5.2xlarge", "r6i.4xlarge"][number % 5],
        "MinCount": count,
        "MaxCount": count,
    }
    if tags:
        wish["TagSpecifications"] = [{"ResourceType": "instance", "Tags": tags}]
    if number % 2:
        wish["KeyName"] = f"key {number % 3}"
        wish["Monitoring"] = {"Enabled": True}
    if number % 3 == 1:
        wish["EbsOptimized"] = True
        wish["MetadataOptions"] = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled",
                                   "InstanceMetadataTags": "enabled", "HttpProtocolIpv6": "enabled"}
    if number % 4 == 1:
        wish["HibernationOptions"] = {"Configured": True}
        wish["BlockDeviceMappings"] = [
            {"DeviceName": device, "Ebs": {"VolumeSize": 10, "DeleteOnTermination": keep, "VolumeType": "gp3"}}
            for device, keep in [("/dev/xvdz", False), ("/dev/xvda", True), ("/dev/xvdb", False)]
        ]
    if number % 5 == 2:
        wish["InstanceMarketOptions"] = {"MarketType": "spot"}
    if number % 5 == 3:
        wish["NetworkInterfaces"] = [
            {"DeviceIndex": index, "SubnetId": network["subnet"], "Groups": network["groups"][: index + 1],
             "DeleteOnTermination": index == 0, "AssociatePublicIpAddress": index == 0, "Description": f"device {index}"}
            for index in (1, 0)
        ]
        wish["MinCount"] = wish["MaxCount"] = 1
    elif number % 5 == 4:
        wish["SubnetId"] = network["subnet"]
        wish["SecurityGroupIds"] = list(reversed(network["groups"]))
        wish["Ipv6AddressCount"] = 2
    ids = [instance["InstanceId"] for instance in ec2.run_instances(**wish)["Instances"]]
    if number % 6 == 3:
        ec2.stop_instances(InstanceIds=ids[:1])
    if number % 6 == 5:
        ec2.terminate_instances(InstanceIds=ids[-1:])


def instances(caller, region, count, number):
    if not count:
        return
    ec2 = caller.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    network = {
        "subnet": ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"],
        "groups": [ec2.create_security_group(GroupName=name, Description="-", VpcId=vpc)["GroupId"]
                   for name in ("web", "admin")],
    }
    for offset in range(count):
        reservation(ec2, network, number + offset)


def main():
    endpoint = json.load(sys.stdin)["endpoint"]
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/seed?a=20260101", method="POST")).close()
    master = Caller(endpoint, "AKIASEEDSEEDSEEDSEED", "seed")
    organizations = master.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    units = {"/Root": organizations.list_roots()["Roots"][0]["Id"]}
    accounts, number = {"master": master.account()}, 0
    for path, names in UNITS.items():
        parent, _, name = path.rpartition("/")
        if parent:
            made = organizations.create_organizational_unit(ParentId=units[parent], Name=name)
            units[path] = made["OrganizationalUnit"]["Id"]
        for account in names:
            status = organizations.create_account(AccountName=account, Email=f"{len(accounts)}@example.com")
            accounts[account] = status["CreateAccountStatus"]["AccountId"]
            organizations.move_account(AccountId=accounts[account], SourceParentId=units["/Root"],
                                       DestinationParentId=units[path])
    for name, account in accounts.items():
        caller = master if name == "master" else master.assume(f"arn:aws:iam::{account}:role/seed")
        for region, count in zip(REGIONS, RESERVATIONS.get(name, [1, 1, 1])):
            instances(caller, region, count, number)
            number += count
    organizations.close_account(AccountId=accounts[CLOSED])
    json.dump({"master": accounts["master"], "accounts": accounts, "closed": accounts[CLOSED], "units": units,
               "regions": REGIONS}, sys.stdout)


main()
