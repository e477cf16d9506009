"""Prints the instances that c7n-org has found as CSV, to compare them. custodian_rows.py FOLDER, c7n-org's output folder, whose
folders are named by account and region."""

import csv
import json
import pathlib
import sys


def main():
    writer = csv.writer(sys.stdout)
    writer.writerow(["account_id", "region", "instance_id", "instance_type", "state"])
    for path in pathlib.Path(sys.argv[1]).glob("*/*/*/resources.json"):
        account, region = path.parts[-4], path.parts[-3]
        for instance in json.loads(path.read_text(encoding="utf-8")):
            writer.writerow([account, region, instance["InstanceId"], instance["InstanceType"], instance["State"]["Name"]])


main()
