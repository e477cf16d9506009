"""Calls of boto3 as data: what a case needs in a server before it begins.

Reads {"endpoint", "ca_bundle", "access_key_id", "secret_access_key", "role", "calls"} from standard input. A call is {account, region,
service, call, with}: a method of boto3's client and its arguments. It is made in the account through `role`, with
{accountId} replaced; without a role, with the account's id as the access key, as the root user of ministack. The service
`moto-api` is moto's own: a path below /moto-api/ and the body of a POST to it.
Writes the answers to standard output.
"""

import json
import ssl
import sys
import urllib.request

from aws import Caller


def main():
    request = json.load(sys.stdin)
    callers, answers = {}, []

    def caller(account):
        if account not in callers:
            key = request.get("access_key_id") or account
            made = Caller(request["endpoint"], key, request["secret_access_key"], ca_bundle=request.get("ca_bundle"))
            role = request.get("role")
            callers[account] = made.assume(role.replace("{accountId}", account)) if role else made
        return callers[account]

    for call in request["calls"]:
        if call["service"] == "moto-api":
            body = call["with"] | {"account_id": call["account"], "region": call["region"]}
            url = f"{request['endpoint']}/moto-api/{call['call']}"
            trust = ssl.create_default_context(cafile=request.get("ca_bundle"))
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), context=trust).close()
            answers.append(None)
            continue
        client = caller(call["account"]).client(call["service"], call["region"])
        answer = getattr(client, call["call"])(**call.get("with", {}))
        answers.append({name: value for name, value in answer.items() if name != "ResponseMetadata"})
    json.dump(answers, sys.stdout, default=str)


main()
