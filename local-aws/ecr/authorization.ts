import type { Input, Reply } from '../api.ts';
import { ecrHost } from '../image-uri.ts';
import { jsonReply } from './json-reply.ts';
import type { EcrStore } from './repositories.ts';

const HOURS = 12;

export function getAuthorizationToken(store: EcrStore, input: Input): Reply {
  const { home, user, password, registryHost } = store;
  const registryIds = Array.isArray(input.registryIds) ? (input.registryIds as string[]) : [home.accountId];
  return jsonReply({
    authorizationData: registryIds.map((accountId) => ({
      authorizationToken: Buffer.from(`${user}:${password}`).toString('base64'),
      expiresAt: Date.now() / 1000 + HOURS * 3600,
      proxyEndpoint:
        registryHost === undefined ? `https://${ecrHost({ ...home, accountId })}` : `http://${registryHost}`,
    })),
  });
}
