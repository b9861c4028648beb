/**
 * Stands in for @actions/http-client when dist/ is bundled (see `paths` in src/tsconfig.json). @actions/core needs it only
 * to fetch an OIDC token, which this action leaves to aws-actions/configure-aws-credentials; with undici behind it, it
 * would be a third of the bundle and a fifth of the time to the first request.
 */
export class HttpClient {
  constructor() {
    throw new Error('This action fetches no OIDC token.');
  }
}

export class BearerCredentialHandler {}
