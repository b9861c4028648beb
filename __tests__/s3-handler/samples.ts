// Events as AWS's documentation and the console's test events show them; only buckets and keys are put in.
import type { EventBridgeEvent, S3Event, S3EventRecord, SNSEvent, SQSEvent, SQSRecord } from 'aws-lambda';

interface Fields {
  key?: string;
  bucket?: string;
  eventName?: string;
  sequencer?: string;
  eventVersion?: string;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html; the key as S3 writes it there, form-encoded. */
export function s3Record({
  key = 'HappyFace.jpg',
  bucket = 'amzn-s3-demo-bucket',
  eventName = 'ObjectCreated:Put',
  sequencer = '005E4D3B5B8F4F6DAE',
  eventVersion = '2.1',
}: Fields = {}): S3EventRecord {
  return {
    eventVersion,
    eventSource: 'aws:s3',
    awsRegion: 'us-east-2',
    eventTime: '2019-09-03T19:37:27.192Z',
    eventName,
    userIdentity: { principalId: 'AWS:AIDAINPONIXQXHT3IKHL2' },
    requestParameters: { sourceIPAddress: '205.255.255.255' },
    responseElements: {
      'x-amz-request-id': 'D82B88E5F771F645',
      'x-amz-id-2': 'vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=',
    },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: '828aa6fc-f7b5-4305-8584-487c791949c1',
      bucket: { name: bucket, ownerIdentity: { principalId: 'A3I5XTEXAMAI3E' }, arn: `arn:aws:s3:::${bucket}` },
      object: { key, size: 1305107, eTag: 'b21b84d653bb07b05b1e6b33684dc11b', sequencer },
    },
  };
}

export function s3Event(...records: S3EventRecord[]): S3Event {
  return { Records: records };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
export const testEvent = {
  Service: 'Amazon S3',
  Event: 's3:TestEvent',
  Time: '2014-10-13T15:57:02.089Z',
  Bucket: 'amzn-s3-demo-bucket',
  RequestId: '5582815E1AEA5ADF',
  HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
export function objectCreated(key = 'example-key'): EventBridgeEvent<'Object Created', unknown> {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '111122223333',
    time: '2021-11-12T00:00:00Z',
    region: 'ca-central-1',
    resources: ['arn:aws:s3:::amzn-s3-demo-bucket'],
    detail: {
      version: '0',
      bucket: { name: 'amzn-s3-demo-bucket' },
      object: {
        key,
        size: 5,
        etag: 'b1946ac92492d2347c6235b4d2611184',
        'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
        sequencer: '617f08299329d189',
      },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '123456789012',
      'source-ip-address': '1.2.3.4',
      reason: 'PutObject',
    },
  };
}

/** From the same page: deleted by a lifecycle rule. */
export function objectExpired(key = 'example-key'): EventBridgeEvent<'Object Deleted', unknown> {
  return {
    version: '0',
    id: 'ad1de317-e409-eba2-9552-30113f8d88e3',
    'detail-type': 'Object Deleted',
    source: 'aws.s3',
    account: '111122223333',
    time: '2021-11-12T00:00:00Z',
    region: 'ca-central-1',
    resources: ['arn:aws:s3:::amzn-s3-demo-bucket'],
    detail: {
      version: '0',
      bucket: { name: 'amzn-s3-demo-bucket' },
      object: {
        key,
        etag: 'd41d8cd98f00b204e9800998ecf8427e',
        'version-id': 'mtB0cV.jejK63XkRNceanNMC.qXPWLeK',
        sequencer: '617b398000000000',
      },
      'request-id': '20EB74C14654DC47',
      requester: 's3.amazonaws.com',
      reason: 'Lifecycle Expiration',
      'deletion-type': 'Delete Marker Created',
    },
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function sqsRecord(body: unknown, messageId = '059f36b4-87a3-44ab-83d2-661975830a7d'): SQSRecord {
  return {
    messageId,
    receiptHandle: 'AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1545082649183',
      SenderId: 'AIDAIENQZJOLO23YVJ4VO',
      ApproximateFirstReceiveTimestamp: '1545082649185',
    },
    messageAttributes: {},
    md5OfBody: 'e4e68fb7bd0e697a0ae8f1bb342846b3',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-2:123456789012:my-queue',
    awsRegion: 'us-east-2',
  };
}

/** One message for each body, with the ids `message-0`, `message-1` and so on. */
export function sqsEvent(...bodies: unknown[]): SQSEvent {
  return { Records: bodies.map((body, index) => sqsRecord(body, `message-${index}`)) };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export function snsEvent(message: unknown): SNSEvent {
  return {
    Records: [
      {
        EventVersion: '1.0',
        EventSubscriptionArn: 'arn:aws:sns:us-east-1:123456789012:sns-lambda:21be56ed-a058-49f5-8c98-aedd2564c486',
        EventSource: 'aws:sns',
        Sns: {
          SignatureVersion: '1',
          Timestamp: '2019-01-02T12:45:07.000Z',
          Signature: 'tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j...65r==',
          SigningCertUrl:
            'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-ac565b8b1a6c5d002d285f9598aa1d9b.pem',
          MessageId: '95df01b4-ee98-5cb9-9903-4c221d41eb5e',
          Message: JSON.stringify(message),
          MessageAttributes: {},
          Type: 'Notification',
          UnsubscribeUrl: 'https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe',
          TopicArn: 'arn:aws:sns:us-east-1:123456789012:sns-lambda',
          Subject: 'Amazon S3 Notification',
        },
      },
    ],
  };
}

/** https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html */
export function snsEnvelope(message: unknown) {
  return {
    Type: 'Notification',
    MessageId: '63a3f6b6-d533-4a47-aef9-fcf5cf758c76',
    TopicArn: 'arn:aws:sns:us-west-2:123456789012:MyTopic',
    Subject: 'Amazon S3 Notification',
    Message: JSON.stringify(message),
    Timestamp: '2012-03-29T05:12:16.901Z',
    SignatureVersion: '1',
    Signature: 'EXAMPLEnTrFPa3...',
    SigningCertURL:
      'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    UnsubscribeURL: 'https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe',
  };
}
