"""Makes in ministack what one case needs: a management account with a user, member accounts, roles and instances.

Reads a wish from standard input, writes what was made to standard output. The wish:

    endpoint, root_secret
    master           id of the management account, the case's own
    user             actions that the user of the management account may do
    session_seconds  also give the user temporary credentials that last that long
    members          names of member accounts, made by Organizations
    closed           names of those that are closed again
    roles            [{account, name, trusts, external_id, web_identity, allow, deny}], where account is `master` or a
                     member's name; `trusts` names `user`, or roles as `<account>/<name>`; web_identity is
                     {issuer, audience}; `allow` and `deny` list actions
    instances        [{account, region, count}]
"""

import json
import sys

from aws import Caller


def policy(allow, deny):
    statements = [{"Effect": effect, "Action": actions, "Resource": "*"}
                  for effect, actions in (("Allow", allow), ("Deny", deny)) if actions]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def trust(role, user, account_ids):
    def principal(name):
        account, _, role_name = name.partition("/")
        return user if name == "user" else f"arn:aws:iam::{account_ids[account]}:role/{role_name}"

    if web := role.get("web_identity"):
        provider = f"arn:aws:iam::{account_ids[role['account']]}:oidc-provider/{web['issuer']}"
        return {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{web['issuer']}:aud": web["audience"]}}}
    statement = {"Effect": "Allow", "Principal": {"AWS": [principal(name) for name in role["trusts"]]},
                 "Action": "sts:AssumeRole"}
    if role.get("external_id"):
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": role["external_id"]}}
    return statement


def main():
    wish = json.load(sys.stdin)
    endpoint, master = wish["endpoint"], wish["master"]

    def root(account):
        return Caller(endpoint, account, wish["root_secret"])

    iam = root(master).client("iam")
    user = iam.create_user(UserName="connector")["User"]["Arn"]
    iam.put_user_policy(UserName="connector", PolicyName="test", PolicyDocument=policy(wish.get("user") or ["none:None"], []))
    key = iam.create_access_key(UserName="connector")["AccessKey"]
    made = {"user": user, "access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    if wish.get("session_seconds"):
        sts = Caller(endpoint, key["AccessKeyId"], key["SecretAccessKey"]).client("sts")
        given = sts.get_session_token(DurationSeconds=wish["session_seconds"])["Credentials"]
        made["temporary"] = {"access_key_id": given["AccessKeyId"], "secret_access_key": given["SecretAccessKey"],
                             "session_token": given["SessionToken"]}

    organizations = root(master).client("organizations")
    accounts = {"master": master}
    for name in wish.get("members", []):
        status = organizations.create_account(AccountName=name, Email=f"{len(accounts)}@example.com")
        accounts[name] = status["CreateAccountStatus"]["AccountId"]
    for name in wish.get("closed", []):
        organizations.close_account(AccountId=accounts[name])
    for role in wish.get("roles", []):
        iam = root(accounts[role["account"]]).client("iam")
        document = {"Version": "2012-10-17", "Statement": [trust(role, user, accounts)]}
        iam.create_role(RoleName=role["name"], AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(RoleName=role["name"], PolicyName="test",
                            PolicyDocument=policy(role.get("allow", []), role.get("deny", [])))
    for wanted in wish.get("instances", []):
        ec2 = root(accounts[wanted["account"]]).client("ec2", wanted["region"])
        for number in range(wanted["count"]):
            tags = [{"Key": "Name", "Value": f"{wanted['account']} {number}"}]
            ec2.run_instances(ImageId="ami-0a1b2c3d4e5f60001", InstanceType="t3.micro", MinCount=1, MaxCount=1,
                              TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    made["accounts"] = accounts
    json.dump(made, sys.stdout)


main()
