export interface Problem {
  readonly status: number;
  readonly title: string;
  /** When a caller gets it. */
  readonly meaning: string;
  /** What the caller should do. */
  readonly remedy: string;
}

export const REPEAT_LATER =
  'Repeat the request after the seconds in `Retry-After`, with the same `Idempotency-Key` where one was sent.';

/** Problems on our side or in a service behind us. */
export const SERVICE_PROBLEMS = {
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    meaning: 'An unexpected error. Its details are in the log under `requestId`.',
    remedy: 'Repeat the request once. If it fails again, report the `requestId`.',
  },
  'provider-refused': {
    status: 502,
    title: 'The provider refuses the request',
    meaning:
      'The provider understood a request that connecting or a report needs and refused it, for another reason than the access or its permissions. `detail` has its HTTP status. Nothing was stored.',
    remedy:
      'Check the account at the provider. If that is in order, an operator compares the provider’s addresses and the app’s settings with docs/configuration.md and docs/providers. Repeating the same request does not help.',
  },
  'provider-unexpected-response': {
    status: 502,
    title: 'What answers is not the provider’s API',
    meaning:
      'The answer could not be read: a web page, another server’s JSON, or a shape that this version does not know. `detail` has its HTTP status. Mostly the provider’s address is wrong, or a proxy answers in its place. Nothing was stored.',
    remedy:
      'An operator checks the provider’s address (docs/configuration.md) and any proxy in between. Repeat the request once; if it stays, repeating does not help.',
  },
  'provider-unreachable': {
    status: 503,
    title: 'No connection to the provider can be made',
    meaning:
      'The host name of the provider’s API is unknown, nothing listens there, or TLS fails. Nothing was sent, and nothing was stored.',
    remedy:
      'Repeat the request after the seconds in `Retry-After`. If it stays, an operator checks the provider’s address (docs/configuration.md), name resolution and the network.',
  },
  'provider-unavailable': {
    status: 503,
    title: 'The provider does not answer',
    meaning: 'The provider did not answer in time, or failed (HTTP 5xx). Nothing was stored.',
    remedy: REPEAT_LATER,
  },
  'provider-rate-limited': {
    status: 503,
    title: 'The provider asks us to slow down',
    meaning:
      'The provider’s own rate limit was reached while a key was tested or a report was read. Nothing was stored. Syncs of the account share the limit.',
    remedy: REPEAT_LATER,
  },
  'temporal-refused': {
    status: 500,
    title: 'The workflow service refuses our request',
    meaning:
      'Temporal understood a request of ours and refused it for good: a search attribute or the namespace is not registered, a value is too large, or our credentials lack a right. It is no outage.',
    remedy:
      'Repeating does not help. An operator finds the reason in the log under `requestId`; docs/operations/deployment.md says what is to be registered.',
  },
  'temporal-unavailable': {
    status: 503,
    title: 'The workflow service cannot be reached',
    meaning:
      'Temporal did not answer in time, or an earlier run of the same sync is still closing. A run that was opened is kept and starts when the request is repeated, or by itself within a quarter of an hour once Temporal is back.',
    remedy: REPEAT_LATER,
  },
  'database-unavailable': {
    status: 503,
    title: 'The database cannot be reached',
    meaning: 'Postgres did not answer.',
    remedy: REPEAT_LATER,
  },
  'database-busy': {
    status: 503,
    title: 'The request waited too long for the database',
    meaning:
      'Requests of this venue hold as many database connections as one venue may, another request has what this one changes locked, or it took longer than two minutes. Nothing of it was written, but for the records of a load that `detail` counts.',
    remedy: REPEAT_LATER,
  },
  'vault-unavailable': {
    status: 503,
    title: 'The vault cannot be reached',
    meaning: 'The key service that seals credentials did not answer. Nothing was stored.',
    remedy: REPEAT_LATER,
  },
  'authentication-unavailable': {
    status: 503,
    title: 'Tokens cannot be checked',
    meaning: 'The identity provider’s public keys could not be fetched.',
    remedy: REPEAT_LATER,
  },
  'too-many-streams': {
    status: 503,
    title: 'Too many live streams',
    meaning: 'The run, the venue, or this process has as many open event streams as it takes.',
    remedy: 'Close streams that nobody reads, or poll the run instead.',
  },
  'too-many-loads': {
    status: 503,
    title: 'Too many atomic loads',
    meaning:
      'The venue, or this process, has as many loads with `atomic=true` at work as it takes. Nothing of this one was written.',
    remedy: REPEAT_LATER,
  },
} as const satisfies Record<string, Problem>;
