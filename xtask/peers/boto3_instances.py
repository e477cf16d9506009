"""The instances of one account and region with boto3, to CSV: what a page costs, without accounts and threads."""

import csv
import json
import sys

import boto3

COLUMNS = ["instance_id", "name", "state", "launch_time", "instance_type", "architecture", "platform_details",
           "availability_zone", "vpc_id", "subnet_id", "private_ip_address", "public_ip_address", "image_id", "key_name",
           "tags"]


def row(instance):
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return [instance["InstanceId"], tags.get("Name"), instance["State"]["Name"], instance["LaunchTime"].isoformat(),
            instance["InstanceType"], instance.get("Architecture"), instance.get("PlatformDetails"),
            instance.get("Placement", {}).get("AvailabilityZone"), instance.get("VpcId"), instance.get("SubnetId"),
            instance.get("PrivateIpAddress"), instance.get("PublicIpAddress"), instance.get("ImageId"),
            instance.get("KeyName"), json.dumps(tags)]


def main():
    pages = boto3.client("ec2").get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for page in pages:
            for reservation in page["Reservations"]:
                writer.writerows(map(row, reservation["Instances"]))


main()
