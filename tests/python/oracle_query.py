"""The oracle of queries: what PyAthena's default cursor gives for a statement in several accounts.

Reads a request from standard input, writes the answer to standard output. The request:

    endpoint, access_key_id, secret_access_key
    chain            roles to each account, with {accountId}; without one, the credentials' own account is asked
    external_id      sent with every role
    accounts         ids, in the order of the rows
    region, query
    workgroup, location, database, catalog; in these and in the query, {accountId} and {region} are replaced

The answer: `columns` and their `types`; `rows`, objects with account_id and region in front, as JSON has them; `texts`,
the same cells as the texts that Athena gave, null for NULL. As JSON a cell is the Python value that PyAthena makes of it
where JSON has such a value, and the text where it has none: decimals, dates, times, nested values.
"""

import base64
import json
import math
import sys

import pyathena
from botocore.config import Config
from pyathena.converter import DefaultTypeConverter

from aws import Caller


class All(DefaultTypeConverter):
    """A cell's type and text beside what PyAthena makes of it."""

    def convert(self, type_, value, *args, **kwargs):
        return type_, value, super().convert(type_, value, *args, **kwargs)


def as_json(cell):
    type_, text, value = cell
    if type_ == "json":
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (bool, int, float)) else text


def connection(caller, request):
    key, secret, token = (caller.credentials[f"aws_{name}"]
                          for name in ("access_key_id", "secret_access_key", "session_token"))
    return pyathena.connect(
        endpoint_url=caller.endpoint, region_name=request["region"], config=Config(proxies={}),
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
        s3_staging_dir=request.get("location") or "", work_group=request.get("workgroup") or "primary",
        schema_name=request.get("database") or "default", catalog_name=request.get("catalog") or "AwsDataCatalog",
        poll_interval=0.02, converter=All(),
    )


def main():
    request = json.load(sys.stdin)
    first = Caller(request["endpoint"], request["access_key_id"], request["secret_access_key"])
    answer = {"columns": None, "types": None, "rows": [], "texts": []}
    for account in request["accounts"]:
        chain = [role.replace("{accountId}", account) for role in request.get("chain", [])]
        caller = first.through(chain, request.get("external_id"))
        assert caller.account() == account
        filled = {name: value.replace("{accountId}", account).replace("{region}", request["region"])
                  for name, value in request.items() if isinstance(value, str)}
        cursor = connection(caller, filled).cursor().execute(filled["query"])
        columns, types = [one[0] for one in cursor.description], [one[1] for one in cursor.description]
        assert answer["columns"] in (None, columns)
        answer.update(columns=columns, types=types)
        place = {"account_id": account, "region": request["region"]}
        for row in cursor:
            answer["rows"].append(place | dict(zip(columns, map(as_json, row))))
            answer["texts"].append([*place.values(), *(text for _, text, _ in row)])
    json.dump(answer, sys.stdout)


main()
