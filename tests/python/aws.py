"""boto3 clients of the test servers, that know nothing of this machine's own AWS configuration."""

import os

import boto3
from botocore.config import Config

for name in list(os.environ):
    if name.startswith("AWS_"):
        del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


# One for all: it keeps the service models that it has read.
SESSION = boto3.Session()


class Caller:
    """Credentials at an endpoint."""

    def __init__(self, endpoint, access_key_id, secret_access_key, session_token=None, ca_bundle=None):
        self.endpoint, self.ca_bundle = endpoint, ca_bundle
        self.credentials = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key,
                            "aws_session_token": session_token}

    def client(self, service, region="us-east-1"):
        # Without validation: sessions of seconds are less than AWS gives.
        config = Config(retries={"max_attempts": 3, "mode": "standard"}, proxies={}, parameter_validation=False)
        return SESSION.client(service, region, endpoint_url=self.endpoint, verify=self.ca_bundle, config=config,
                              **self.credentials)

    def assume(self, role, external_id=None, session="test", seconds=3600):
        optional = {"ExternalId": external_id} if external_id else {}
        answer = self.client("sts").assume_role(
            RoleArn=role, RoleSessionName=session, DurationSeconds=seconds, **optional
        )
        given = answer["Credentials"]
        return Caller(self.endpoint, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], self.ca_bundle)

    def through(self, chain, external_id=None):
        caller = self
        for role in chain:
            caller = caller.assume(role, external_id)
        return caller

    def account(self):
        return self.client("sts").get_caller_identity()["Account"]
