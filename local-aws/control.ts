import type { ApiRequest, Reply } from './api.ts';
import { deliver, type Exchange } from './deliver.ts';
import type { Fault } from './faults.ts';
import type { LocalAws } from './local-aws.ts';

/** Looking in and scripting faults over HTTP, for other processes than the one that started local-aws. */
export async function control(aws: LocalAws, request: ApiRequest, exchange: Exchange): Promise<void> {
  await deliver(answer(aws, request), undefined, exchange);
}

function answer(aws: LocalAws, request: ApiRequest): Reply {
  const place = `${request.method} ${request.path.slice('/_local-aws/'.length)}`;
  try {
    return choose(aws, place, request.body);
  } catch (error) {
    return json(400, { message: String(error) });
  }
}

function choose(aws: LocalAws, place: string, body: Buffer): Reply {
  switch (place) {
    case 'GET state':
      return json(200, {
        functions: aws.functions(),
        distributions: aws.distributions(),
        alarms: aws.alarms(),
        deployments: aws.deployments(),
        denied: [...aws.denied],
      });
    case 'GET calls':
      return json(200, aws.calls);
    case 'GET events':
      return json(200, aws.events);
    case 'POST faults':
      aws.fault(JSON.parse(body.toString()) as Fault);
      return json(201, {});
    case 'DELETE faults':
      aws.clearFaults();
      return json(200, {});
    case 'PUT denied':
      aws.denied.clear();
      for (const action of JSON.parse(body.toString()) as string[]) aws.denied.add(action);
      return json(200, [...aws.denied]);
    default:
      return json(404, { message: `local-aws has no ${place}.` });
  }
}

function json(status: number, document: unknown): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: `${JSON.stringify(document, undefined, 2)}\n`,
  };
}
