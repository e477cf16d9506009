#!/usr/bin/env bash
# The EC2 inventory of an organization with the AWS CLI: accounts side by side, in each of them one region after another.
# aws_cli_inventory.sh ROLE FOLDER: ROLE with {accountId}; FOLDER gets a file of tab-separated lines for each account.
set -euo pipefail
export ROLE=$1 FOLDER=$2

account() {
  set -euo pipefail
  local session
  session=$(aws sts assume-role --role-arn "${ROLE//\{accountId\}/$1}" --role-session-name inventory \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$session"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  for region in $(aws ec2 describe-regions --query 'Regions[].RegionName' --output text); do
    aws ec2 describe-instances --region "$region" --output text \
      --query 'Reservations[].Instances[].[InstanceId,InstanceType,State.Name]' | sed "s/^/$1\t$region\t/"
  done >"$FOLDER/$1.tsv"
}
export -f account

master=$(aws sts get-caller-identity --query Account --output text)
aws organizations list-accounts --region us-east-1 --query 'Accounts[?Status==`ACTIVE`].Id' --output text | tr '\t' '\n' |
  grep -v "$master" | xargs -P 8 -I{} bash -c 'account {}'
