"""What happens in a bucket, as the messages that moto's S3 puts into moto's SQS.

Standard input: {"route": "sqs" | "sns" | "eventbridge", "twice": how many messages SQS delivers twice,
"changes": [["put" | "delete", key], ...]}. Standard output: the records of Lambda's SQS events.
"""
import json
import os
import sys

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402

BUCKET = "site"
EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def connect(route, queue_arn):
    """Leads what happens in the bucket to the queue."""
    s3 = boto3.client("s3")
    if route == "sqs":
        configuration = {"QueueConfigurations": [{"QueueArn": queue_arn, "Events": EVENTS}]}
    elif route == "sns":
        sns = boto3.client("sns")
        topic_arn = sns.create_topic(Name="changes")["TopicArn"]
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
        configuration = {"TopicConfigurations": [{"TopicArn": topic_arn, "Events": EVENTS}]}
    else:
        events = boto3.client("events")
        events.put_rule(Name="changes", EventPattern=json.dumps({"source": ["aws.s3"]}))
        events.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": queue_arn}])
        configuration = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)


def receive(sqs, url, twice):
    """Every message; the first ones once more, as happens when a consumer takes too long."""
    received = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0 if len(received) < twice else 3600,
            MessageSystemAttributeNames=["All"],
        )
        if "Messages" not in answer:
            return received
        for message in answer["Messages"]:
            if len(received) >= twice:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            received.append(message)


def to_record(message, queue_arn):
    """As Lambda's poller makes it: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": "us-east-1",
    }


@mock_aws
def main(route, changes, twice):
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.create_bucket(Bucket=BUCKET)
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    queue_arn = "arn:aws:sqs:us-east-1:123456789012:changes"
    connect(route, queue_arn)
    received = []
    for number, (verb, key) in enumerate(changes, start=1):
        if verb == "put":
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
        else:
            s3.delete_object(Bucket=BUCKET, Key=key)
        # moto looks at every message in the queue for each one that it hands out.
        if number % 20 == 0 or number == len(changes):
            received += receive(sqs, url, max(0, twice - len(received)))
    return [to_record(message, queue_arn) for message in received]


json.dump(main(**json.load(sys.stdin)), sys.stdout)
