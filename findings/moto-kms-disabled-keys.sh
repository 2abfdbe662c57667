#!/usr/bin/env bash
# moto 5.2.5: KMS keys that are disabled or pending deletion still encrypt, decrypt and make data keys, and a dry run answers like a real call.
#
# AWS refuses them (DisabledException, KMSInvalidStateException, DryRunOperationException; botocore reference of the KMS client, read
# 2026-11-28). A test that a revoked key locks data up passes against moto for whatever code. A ciphertext opened under another key's id fails
# with AccessDeniedException; AWS says IncorrectKeyException.
#
# Python 3.9 or later with pip and venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check 'moto[kms]==5.2.5' 'boto3==1.44.5'
cat >observe.py <<'PY'
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws


def outcome(call):
    try:
        call()
        return "works"
    except ClientError as error:
        return error.response["Error"]["Code"]


with mock_aws():
    kms = boto3.client("kms", region_name="eu-west-1", aws_access_key_id="example", aws_secret_access_key="example")
    key, other = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    blob = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["CiphertextBlob"]

    def show(state):
        made = outcome(lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))
        print(f"{state}: GenerateDataKey {made}, Decrypt {outcome(lambda: kms.decrypt(CiphertextBlob=blob))}")

    kms.disable_key(KeyId=key)
    show("disabled key")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    show("key pending deletion")
    print("dry run:", outcome(lambda: kms.generate_data_key(KeyId=other, KeySpec="AES_256", DryRun=True)))
    print("another key's id:", outcome(lambda: kms.decrypt(CiphertextBlob=blob, KeyId=other)))
PY
expected=$(cat <<'TEXT'
disabled key: GenerateDataKey works, Decrypt works
key pending deletion: GenerateDataKey works, Decrypt works
dry run: works
another key's id: AccessDeniedException
TEXT
)
seen=$(environment/bin/python observe.py)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
