import { request } from 'node:http';
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  type LambdaClient,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  type UpdateFunctionCodeCommandInput,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { zipBodyReader } from '../../local-aws/lambda/zip-body.ts';
import type { LocalAws } from '../../local-aws/local-aws.ts';
import type { LocalAwsOptions } from '../../local-aws/options.ts';
import { connect, QUICK, randomZip, sha256, startAws } from './clients.ts';

const MOST_BYTES = 70_167_211;

function startWithZip(options: LocalAwsOptions = {}): Promise<LocalAws> {
  return startAws({ functions: [{ name: 'web', packageType: 'Zip' }], ...options });
}

function update(lambda: LambdaClient, input: Partial<UpdateFunctionCodeCommandInput>) {
  return lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'web', ...input }));
}

function updated(lambda: LambdaClient) {
  return waitUntilFunctionUpdatedV2({ client: lambda, ...QUICK }, { FunctionName: 'web' });
}

/** A body of exactly so many bytes. */
async function putBody(aws: LocalAws, zip: Buffer, size: number): Promise<{ status: number; body: string }> {
  const start = '{"ZipFile":"';
  const end = '"}';
  const base64 = zip.toString('base64');
  const padding = ' '.repeat(size - start.length - base64.length - end.length);
  return new Promise((resolve, reject) => {
    const call = request(`${aws.url}/2015-03-31/functions/web/code`, { method: 'PUT' }, async (response) => {
      let body = '';
      for await (const chunk of response) body += String(chunk);
      resolve({ status: response.statusCode ?? 0, body });
    });
    call.on('error', reject);
    call.end(`${start}${base64}"${padding}}`);
  });
}

describe('a zip', () => {
  it('as large as AWS takes it is hashed as it arrives', async () => {
    const aws = await startWithZip();
    const zip = randomZip(52_428_800);
    const { status, body } = await putBody(aws, zip, MOST_BYTES);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ CodeSha256: sha256(zip), CodeSize: zip.length });
    expect(aws.calls).toMatchObject([{ effect: true, input: { ZipFile: '(52428800 bytes)' } }]);
  });

  it('a byte larger is refused and changes nothing', async () => {
    const aws = await startWithZip();
    const before = aws.functionNamed('web');
    const { status, body } = await putBody(aws, randomZip(1000), MOST_BYTES + 1);
    expect(status).toBe(413);
    expect(JSON.parse(body)).toEqual({
      Type: 'User',
      message: 'Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation',
    });
    expect(aws.calls).toMatchObject([{ error: 'RequestEntityTooLargeException', effect: false }]);
    expect(aws.functionNamed('web')).toEqual(before);
  });

  it.each([
    { name: 'something else', ZipFile: Buffer.from('#!/bin/sh') },
    { name: 'a letter', ZipFile: Buffer.from('P') },
    { name: 'nothing', ZipFile: Buffer.alloc(0) },
  ])('is not $name', async ({ ZipFile }) => {
    const aws = await startWithZip();
    await expect(update(connect(aws).lambda, { ZipFile })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
    });
  });

  it('sent again moves the revision and nothing else', async () => {
    const aws = await startWithZip();
    const { lambda } = connect(aws);
    const ZipFile = randomZip(1000);
    const first = await update(lambda, { ZipFile });
    await updated(lambda);
    const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName: 'web' }));
    const again = await update(lambda, { ZipFile });
    expect(again.CodeSha256).toBe(first.CodeSha256);
    expect(again.RevisionId).not.toBe(first.RevisionId);
    await updated(lambda);
    const same = await lambda.send(new PublishVersionCommand({ FunctionName: 'web' }));
    expect(same.Version).toBe(Version);
    expect(aws.functionNamed('web').versions).toHaveLength(1);
  });

  it('can be what a function is created with', async () => {
    const { lambda } = connect(await startAws());
    const ZipFile = randomZip(500_000);
    const Role = 'arn:aws:iam::123456789012:role/api';
    const created = await lambda.send(new CreateFunctionCommand({ FunctionName: 'api', Role, Code: { ZipFile } }));
    expect(created).toMatchObject({ PackageType: 'Zip', CodeSha256: sha256(ZipFile), CodeSize: ZipFile.length });
    const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'api' }));
    expect(Code?.Location).toContain('X-Amz-Signature=');
  });

  it('is found in a body that arrives in any pieces, escaped or not', () => {
    const zip = randomZip(3001);
    const base64 = zip.toString('base64');
    const { FunctionName } = { FunctionName: 'a "ZipFile" ä' };
    const bodies = [
      `{"ZipFile":"${base64}"}`,
      `{ "FunctionName": ${JSON.stringify(FunctionName)}, "ZipFile" : "${base64}", "Publish": true }`,
      `{"ZipFile":"${base64.replaceAll('/', '\\/').replaceAll('=', '\\u003d').replaceAll('+', '\\u002B')}","a":1}`,
    ];
    for (const body of bodies) {
      for (const length of [1, 2, 7, 64, 1000, 100_000]) {
        const reader = zipBodyReader('PUT', '/2015-03-31/functions/web/code');
        const bytes = Buffer.from(body);
        for (let at = 0; at < bytes.length; at += length) reader?.write(bytes.subarray(at, at + length));
        const { ZipFile, ...others } = JSON.parse(String(reader?.end())) as Record<string, unknown>;
        expect(ZipFile).toEqual({
          sha256: sha256(zip),
          bytes: zip.length,
          isZip: true,
          content: zip.toString('base64'),
        });
        const { ZipFile: _ours, ...expected } = JSON.parse(body) as Record<string, unknown>;
        expect(others).toEqual(expected);
      }
    }
  });
});

describe('a package in S3', () => {
  const bytes = randomZip(2000);
  const older = randomZip(2000);
  const packages = {
    'releases/web/1.zip': bytes,
    'releases/kept.zip': { versions: { first: older, second: bytes } },
    'releases/readme.txt': Buffer.from('no zip'),
    'releases/named': 'any text',
  };

  it.each([
    { name: 'an object', input: { S3Key: 'web/1.zip' }, content: bytes },
    { name: 'the newest version', input: { S3Key: 'kept.zip' }, content: bytes },
    { name: 'an older version', input: { S3Key: 'kept.zip', S3ObjectVersion: 'first' }, content: older },
    { name: 'a text that stands for one', input: { S3Key: 'named' }, content: 'any text' },
  ])('is $name, known by its bytes', async ({ input, content }) => {
    const { lambda } = connect(await startWithZip({ packages }));
    expect(await update(lambda, { S3Bucket: 'releases', ...input })).toMatchObject({
      CodeSha256: sha256(content),
      CodeSize: content.length,
    });
  });

  it.each([
    {
      name: 'an unknown key',
      input: { S3Key: 'gone.zip' },
      message:
        'Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.',
    },
    {
      name: 'an unknown version',
      input: { S3Key: 'kept.zip', S3ObjectVersion: 'third' },
      message:
        'Error occurred while GetObjectVersion. S3 Error Code: NoSuchVersion. S3 Error Message: The specified version does not exist.',
    },
    {
      name: 'an unknown bucket',
      input: { S3Bucket: 'gone', S3Key: 'web/1.zip' },
      message:
        'Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist',
    },
    {
      name: 'a bucket in another Region',
      input: { S3Bucket: 'far-away', S3Key: 'web/1.zip' },
      message:
        'Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this region: eu-west-1. Please use this region to retry the request',
    },
    {
      name: 'what is no zip',
      input: { S3Key: 'readme.txt' },
      message: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
    },
    { name: 'a bucket without a key', input: {}, message: 'Please provide both S3Bucket and S3Key parameters.' },
  ])('is not $name', async ({ input, message }) => {
    const aws = await startWithZip({ packages, bucketRegions: { 'far-away': 'eu-west-1' } });
    await expect(update(connect(aws).lambda, { S3Bucket: 'releases', ...input })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
      message,
      $metadata: { httpStatusCode: 400 },
    });
    expect(aws.functionNamed('web').lastUpdateStatus).toBe('Successful');
  });

  it('can be replaced, which an update then shows', async () => {
    const aws = await startWithZip({ packages });
    const { lambda } = connect(aws);
    const input = { S3Bucket: 'releases', S3Key: 'web/1.zip', DryRun: true };
    expect((await update(lambda, input)).CodeSha256).toBe(sha256(bytes));
    aws.packages.put('releases/web/1.zip', older);
    expect((await update(lambda, input)).CodeSha256).toBe(sha256(older));
  });

  it('needs the right to read the object', async () => {
    const aws = await startWithZip({ packages, deny: ['s3:GetObject'] });
    const { lambda } = connect(aws);
    await expect(update(lambda, { S3Bucket: 'releases', S3Key: 'kept.zip' })).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        'have permission to GetObject for releases/kept.zip. S3 Error Code: AccessDenied',
      ),
    });
    await update(lambda, { S3Bucket: 'releases', S3Key: 'kept.zip', S3ObjectVersion: 'first' });
  });

  it('is known by its name where no packages are', async () => {
    const { lambda } = connect(await startWithZip());
    const hash = async (S3Key: string) => (await update(lambda, { S3Bucket: 'any', S3Key, DryRun: true })).CodeSha256;
    expect(await hash('a.zip')).toBe(await hash('a.zip'));
    expect(await hash('a.zip')).not.toBe(await hash('b.zip'));
  });

  it('is not for a function made of an image', async () => {
    const aws = await startAws({ packages });
    await expect(update(connect(aws).lambda, { S3Bucket: 'releases', S3Key: 'kept.zip' })).rejects.toThrow(
      'Please provide ImageUri when updating a function with packageType Image.',
    );
  });
});
