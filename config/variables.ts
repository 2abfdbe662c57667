import { z } from 'zod';
import { LIMIT_VARIABLES } from './limit-variables.ts';
import { providerVariables } from './provider-settings.ts';
import type { ConfigurableProvider } from './provider-settings.ts';
import { RETENTION_VARIABLES } from './retention-variables.ts';
import { sandboxVariables } from './sandbox-variables.ts';
import { SECURITY_VARIABLES } from './security-variables.ts';
import { PORT_FORM, SERVICES, URL_FORM, formUpTo, httpUrl, port, returnUrls, secret, text, upTo } from './variable.ts';
import type { Variable } from './variable.ts';

/** Every environment variable except those of providers and their stand-ins. */
export const VARIABLES = {
  NODE_ENV: {
    schema: z.enum(['development', 'test', 'production']),
    form: 'development, test or production',
    description: 'Kind of deployment. `production` refuses `MOCK_KMS=true`.',
    obtain: 'Set `production` wherever real credentials are stored.',
    default: 'development',
    readBy: ['api', 'worker', 'runtime', 'migrations'],
    secret: false,
  },
  LOG_LEVEL: {
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    form: 'fatal, error, warn, info, debug, trace or silent',
    description: 'Least severe level that is logged.',
    obtain: 'Choose one.',
    default: 'info',
    readBy: ['api', 'worker', 'runtime', 'migrations'],
    secret: false,
  },
  DATABASE_URL: {
    schema: z.url({ protocol: /^postgres(ql)?$/ }),
    form: 'a postgres:// or postgresql:// URL',
    description: 'Postgres database, with user and password. `npm start` runs an embedded Postgres when it is absent.',
    obtain:
      'Create a database and copy its connection URL: for api and worker with a login that owns nothing, for migrations with the one that owns the database, for `npm start` with one that may create roles too (docs/operations/deployment.md).',
    neededBy: 'api, worker, migrations',
    readBy: ['api', 'worker', 'runtime', 'migrations'],
    secret: true,
  },
  TEMPORAL_ADDRESS: {
    schema: z.string().regex(/^\S+:\d{1,5}$/),
    form: 'host:port',
    description: 'Temporal front end. `npm start` runs a development server when it is absent.',
    obtain: 'Temporal Cloud: the gRPC endpoint of the namespace. Own cluster: the front-end service, port 7233.',
    default: '127.0.0.1:7233',
    readBy: ['api', 'worker', 'runtime'],
    secret: false,
  },
  TEMPORAL_NAMESPACE: {
    schema: text,
    form: 'the name of a namespace',
    description: 'Temporal namespace that holds the workflows.',
    obtain: 'Temporal Cloud: `name.account`. Own cluster: the name given to `temporal operator namespace create`.',
    default: 'default',
    readBy: ['api', 'worker', 'runtime'],
    secret: false,
  },
  TEMPORAL_API_KEY: {
    schema: secret,
    form: 'an API key',
    description: 'Temporal Cloud API key. Turns TLS on.',
    obtain: 'Temporal Cloud: Settings, API keys.',
    readBy: SERVICES,
    secret: true,
  },
  TEMPORAL_TLS_CA_FILE: {
    schema: text,
    form: 'the path of a PEM file',
    description:
      'Certificate authorities that the Temporal server is checked against, in place of the system’s. Turns TLS on.',
    obtain: 'From whoever runs the Temporal cluster.',
    readBy: SERVICES,
    secret: false,
  },
  TEMPORAL_TLS_CERT_FILE: {
    schema: text,
    form: 'the path of a PEM file',
    description: 'Client certificate for mutual TLS with Temporal. Turns TLS on; goes with `TEMPORAL_TLS_KEY_FILE`.',
    obtain: 'Issue it from the certificate authority that the namespace trusts.',
    neededBy: 'api, worker when `TEMPORAL_TLS_KEY_FILE` is set',
    readBy: SERVICES,
    secret: false,
  },
  TEMPORAL_TLS_KEY_FILE: {
    schema: text,
    form: 'the path of a PEM file',
    description: 'Private key of `TEMPORAL_TLS_CERT_FILE`. The variable holds the path, the file holds the secret.',
    obtain: 'Made together with the certificate.',
    neededBy: 'api, worker when `TEMPORAL_TLS_CERT_FILE` is set',
    readBy: SERVICES,
    secret: false,
  },
  TEMPORAL_UI_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of the Temporal Web UI, for links to runs. No links without it.',
    obtain: 'Temporal Cloud: https://cloud.temporal.io. Own cluster: where its Web UI is served.',
    readBy: ['api'],
    secret: false,
  },
  HOST: {
    schema: z.string().regex(/^\S+$/),
    form: 'an IP address or host name',
    description: 'Address that the API and the worker’s health endpoint listen on.',
    obtain: '`0.0.0.0` in a container, behind a proxy that ends TLS.',
    default: '127.0.0.1',
    readBy: ['api', 'worker', 'runtime'],
    secret: false,
  },
  PORT: {
    schema: port,
    form: PORT_FORM,
    description: 'TCP port of the API. 0 takes any free port.',
    obtain: 'Choose a free port.',
    default: '3000',
    readBy: ['api', 'runtime'],
    secret: false,
  },
  PUBLIC_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description:
      'Base URL under which callers reach the API, as links and the API reference show it. Providers send owners back to `/oauth/{provider}/callback` under it.',
    obtain:
      'The URL of the load balancer or proxy; register the redirect URI with each provider. Without it, in development: `http://HOST:PORT`.',
    readBy: ['api'],
    neededBy: 'api when `NODE_ENV=production`',
    secret: false,
  },
  RETURN_URLS: {
    schema: returnUrls,
    form: 'https URLs without user, password, query and fragment, separated by commas; http only on this machine',
    description:
      'Where a person who has connected a provider may be sent back to: anything under one of these. Nowhere without it.',
    obtain: 'The pages of your own product that start a connection.',
    readBy: ['api'],
    secret: false,
  },
  HEALTH_PORT: {
    schema: port,
    form: PORT_FORM,
    description:
      'TCP port of the worker’s health endpoint, which serves Prometheus metrics too. No endpoint without it.',
    obtain: 'Choose a free port.',
    readBy: ['worker'],
    secret: false,
  },
  METRICS_PORT: {
    schema: port,
    form: PORT_FORM,
    description: 'TCP port of the API’s Prometheus metrics, at `/metrics`. Without it there are none.',
    obtain: 'Choose a free port that only your monitoring reaches: it asks nobody who they are.',
    readBy: ['api'],
    secret: false,
  },
  SYNC_STALE_AFTER_HOURS: {
    schema: upTo(720),
    form: formUpTo(720),
    description:
      'Subscribers are told by `sync.stale` of a scheduled sync that has not ended well for this long, and of a rare one after two of its times.',
    obtain: 'Choose one.',
    default: '6',
    readBy: ['worker'],
    secret: false,
  },
  ...SECURITY_VARIABLES,
  ...LIMIT_VARIABLES,
  ...RETENTION_VARIABLES,
  INTERLOCK_HOME: {
    schema: text,
    form: 'the path of a directory',
    description: 'Where `npm start` keeps its databases, logs and `started.json`.',
    obtain: 'Choose another directory for each copy that runs on the machine.',
    default: '.interlock',
    readBy: ['runtime'],
    secret: false,
  },
  TEMPORAL_PORT: {
    schema: port,
    form: PORT_FORM,
    description: 'TCP port of the Temporal development server that `npm start` runs.',
    obtain: 'Unset, a standard port that is taken gives way to a free one. 0 takes any free port.',
    default: '7233',
    readBy: ['runtime'],
    secret: false,
  },
  TEMPORAL_UI_PORT: {
    schema: port,
    form: PORT_FORM,
    description: 'TCP port of the Temporal Web UI that `npm start` runs.',
    obtain: 'Unset, a standard port that is taken gives way to a free one. 0 takes any free port.',
    default: '8233',
    readBy: ['runtime'],
    secret: false,
  },
  POSTGRES_PORT: {
    schema: port,
    form: PORT_FORM,
    description: 'TCP port of the embedded Postgres that `npm start` runs.',
    obtain: 'Unset, a standard port that is taken gives way to a free one. 0 takes any free port.',
    default: '54329',
    readBy: ['runtime'],
    secret: false,
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
export type VariableValue<Name extends VariableName> = z.output<(typeof VARIABLES)[Name]['schema']>;

/**
 * Every environment variable, including those of the given providers. docs/configuration.md and .env.example are
 * generated from this table.
 */
export const variablesWith = (providers: readonly ConfigurableProvider[]): Readonly<Record<string, Variable>> => ({
  ...VARIABLES,
  ...providerVariables(providers),
  ...sandboxVariables(providers),
});
