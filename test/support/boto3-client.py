"""Calls of boto3's iot-data with a client certificate: port, CA, certificate, key; a JSON list of [method, arguments] on standard input."""
import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

port, ca, cert, key = sys.argv[1:]
client = boto3.client(
    "iot-data",
    endpoint_url=f"https://localhost:{port}",
    region_name="eu-central-1",
    # it signs its requests, which nobody looks at
    aws_access_key_id="unused",
    aws_secret_access_key="unused",
    verify=ca,
    config=Config(client_cert=(cert, key), retries={"max_attempts": 0}),
)


def plain(value):
    if hasattr(value, "read"):
        value = value.read()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


for method, arguments in json.load(sys.stdin):
    try:
        if method == "paginate":
            pages = client.get_paginator("list_retained_messages").paginate(**arguments)
            answer = {"topics": [each["topic"] for page in pages for each in page["retainedTopics"]]}
        else:
            answer = getattr(client, method)(**arguments)
    except ClientError as error:
        answer = {"code": error.response["Error"]["Code"], **error.response}
    print(json.dumps({name: plain(value) for name, value in answer.items()}, default=str))
