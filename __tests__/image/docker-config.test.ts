import { expect, it } from 'vitest';
import { privateConfig } from '../../src/image/docker-config.ts';

const registry = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

it.each([
  { name: 'nothing', config: {}, becomes: { credHelpers: { [registry]: '' } } },
  {
    name: 'sign-ins, proxies and a context',
    config: { auths: { 'ghcr.io': { auth: 'bWU6bWU=' } }, proxies: { default: {} }, currentContext: 'remote' },
    becomes: {
      auths: { 'ghcr.io': { auth: 'bWU6bWU=' } },
      proxies: { default: {} },
      currentContext: 'remote',
      credHelpers: { [registry]: '' },
    },
  },
  {
    name: 'a keychain, which would take our password',
    config: { credsStore: 'osxkeychain' },
    becomes: { credsStore: 'osxkeychain', credHelpers: { [registry]: '' } },
  },
  {
    name: 'helpers, also one for our registry',
    config: { credHelpers: { 'public.ecr.aws': 'ecr-login', [registry]: 'ecr-login' } },
    becomes: { credHelpers: { 'public.ecr.aws': 'ecr-login', [registry]: '' } },
  },
  { name: 'helpers that are none', config: { credHelpers: [] }, becomes: { credHelpers: { [registry]: '' } } },
])('keeps all of a configuration with $name, and our password in it', ({ config, becomes }) => {
  expect(JSON.parse(privateConfig(JSON.stringify(config), registry) ?? '')).toEqual(becomes);
});

it.each(['', '{', '[]', 'null', '"text"', '7'])('knows that "%s" is no configuration', (text) => {
  expect(privateConfig(text, registry)).toBeUndefined();
});
