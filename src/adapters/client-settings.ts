/** What every client of the SDK is built with. */
export function clientSettings(region: string, agent: { maxSockets?: number } = {}) {
  return {
    region,
    // Retries are ours: the SDK gives up after a second or so, and repeats calls that may have been applied.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5000, httpAgent: agent, httpsAgent: agent },
    customUserAgent: 'lambda-cloudfront-deploy',
  };
}

/** The work's value, worked out when it is first asked for. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  return () => {
    value ??= work();
    return value;
  };
}
