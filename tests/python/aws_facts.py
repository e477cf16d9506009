"""Writes crates/aws-sim/src/facts.json: what AWS itself says of partitions, regions, parameters and permissions, for tests that
must not take it from what they test. In an environment with the packages below:

    python tests/python/aws_facts.py BEFORE_OPT_IN > crates/aws-sim/src/facts.json

- botocore: AWS's table of partitions, and its service models.
- BEFORE_OPT_IN: endpoints.json of botocore 1.12.116, the last before 2019-03-20. Regions that were launched by then are enabled by
  default, all others must be enabled:
  https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
- moto: AWS's managed policies.
"""

import json
import sys
from pathlib import Path

import botocore
import moto
from botocore.loaders import Loader
from moto.iam import aws_managed_policies

# Launched in 2018, but as a local region, which botocore did not list. An answer of AWS from February 2020 has it with
# `opt-in-not-required`: https://gist.github.com/jamesls/08a79968d11271a1895d401dbd096e2c
LOCAL_THEN = ["ap-northeast-3"]

# Every operation that the connectors call.
CALLED = {
    "athena": ["BatchGetQueryExecution", "GetNamedQuery", "GetQueryExecution", "GetQueryResults", "GetWorkGroup",
               "StartQueryExecution", "StopQueryExecution"],
    "ec2": ["DescribeInstances", "DescribeRegions"],
    "organizations": ["DescribeOrganizationalUnit", "ListAccountsForParent", "ListOrganizationalUnitsForParent",
                      "ListParents", "ListRoots"],
    "s3": ["DeleteObject", "GetBucketLocation", "GetObject"],
    "sts": ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"],
}


def flags(loader):
    """The switches of each operation: what is left out of an answer may hang on one."""
    found = {}
    for service, operations in CALLED.items():
        model = loader.load_service_model(service, "service-2")
        shapes = model["shapes"]
        for name in operations:
            shape = model["operations"][name].get("input", {}).get("shape")
            members = shapes[shape]["members"] if shape else {}
            switches = [member for member, of in members.items() if shapes[of["shape"]]["type"] == "boolean"]
            found[f"{service}:{name}"] = sorted(switches)
    return found


def main():
    loader = Loader()
    partitions = {}
    for partition in loader.load_data("partitions")["partitions"]:
        regions = [name for name in partition["regions"] if not name.endswith("-global")]
        partitions[partition["id"]] = {
            "global_region": partition["outputs"]["implicitGlobalRegion"],
            "regions": sorted(regions),
        }
    before = json.loads(Path(sys.argv[1]).read_text())["partitions"][0]["regions"]
    policies = json.loads(aws_managed_policies.aws_managed_policies_data)
    athena = policies["AmazonAthenaFullAccess"]
    statements = {statement["Sid"]: statement["Action"] for statement in athena["Document"]["Statement"]}
    facts = {
        "sources": {"botocore": botocore.__version__, "botocore before opt-in": "1.12.116", "moto": moto.__version__},
        "partitions": partitions,
        "enabled_by_default": sorted([*before, *LOCAL_THEN]),
        "flags": flags(loader),
        "AmazonAthenaFullAccess": {
            "version": athena["DefaultVersionId"],
            "catalog": sorted(statements["BaseGluePermissions"]),
            "results": sorted(statements["BaseQueryResultsPermissions"]),
        },
    }
    json.dump(facts, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
