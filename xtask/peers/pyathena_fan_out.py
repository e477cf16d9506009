"""One Athena query in every account of an organization with PyAthena, a thread for each account."""

import argparse
import csv
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from pyathena import connect


def query(sts, master, account_id, options):
    """The rows of one account."""
    given = {}
    if account_id != master:
        answer = sts.assume_role(RoleArn=options.role.replace("{accountId}", account_id), RoleSessionName="query")
        got = answer["Credentials"]
        given = {"aws_access_key_id": got["AccessKeyId"], "aws_secret_access_key": got["SecretAccessKey"],
                 "aws_session_token": got["SessionToken"]}
    with connect(work_group=options.workgroup, region_name="eu-central-1", **given) as connection:
        cursor = connection.cursor()
        cursor.execute(options.query)
        return [column[0] for column in cursor.description], [[account_id, *row] for row in cursor.fetchall()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", required=True, help="with {accountId}")
    parser.add_argument("--query", required=True)
    parser.add_argument("--workgroup", required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    pages = boto3.client("organizations", region_name="us-east-1").get_paginator("list_accounts").paginate()
    accounts = [account["Id"] for page in pages for account in page["Accounts"] if account["Status"] == "ACTIVE"]
    sts = boto3.client("sts", region_name="us-east-1", config=Config(max_pool_connections=len(accounts)))
    master = sts.get_caller_identity()["Account"]
    with ThreadPoolExecutor(len(accounts)) as pool, open(options.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        results = pool.map(lambda account_id: query(sts, master, account_id, options), accounts)
        for index, (columns, rows) in enumerate(results):
            if index == 0:
                writer.writerow(["account_id", *columns])
            writer.writerows(rows)


main()
