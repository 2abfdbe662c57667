import type { KeyringConfig } from '../vault/keyring.ts';
import type { Secret } from '../vault/secret.ts';
import { Environment } from './environment.ts';
import type { Env } from './environment.ts';
import type { ConfigurableProvider, ProvidersConfig } from './provider-settings.ts';
import { httpUrl, isOpenUrl } from './variable.ts';
import type { VariableValue } from './variables.ts';

export type LogLevel = VariableValue<'LOG_LEVEL'>;

export interface TemporalConfig {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  readonly apiKey?: Secret;
  /**
   * Present when TLS is on. Without files, the server is checked against the system's authorities. Values are paths of
   * PEM files.
   */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

/** How callers' tokens are verified. */
export type JwtConfig = { readonly issuer?: string; readonly audience?: string; readonly maxLifeSeconds: number } & (
  { readonly kind: 'secret'; readonly secret: Secret } | { readonly kind: 'jwks'; readonly url: string }
);

export interface RateLimitConfig {
  readonly perCallerPerMinute: number;
  readonly perVenuePerMinute: number;
  readonly startsPerVenuePerMinute: number;
  readonly connectingPerVenuePerTenMinutes: number;
}

/** One venue's share of each pool of an API process. */
export interface VenueShareConfig {
  readonly atomicLoads: number;
  readonly eventStreams: number;
  readonly databaseConnections: number;
  readonly startsPerSecond: number;
  /** Of the time of a process while others use it. */
  readonly timeMsPerSecond: number;
}

/** How many of what lasts one venue may have. */
export interface VenueCapConfig {
  readonly connections: number;
  readonly schedules: number;
  readonly subscriptions: number;
}

export interface ProcessConfig {
  readonly production: boolean;
  readonly logLevel: LogLevel;
}

/** Configuration common to the processes that serve venues. */
export interface ServiceConfig extends ProcessConfig {
  /** Holds a password: never log it. */
  readonly databaseUrl: string;
  readonly temporal: TemporalConfig;
  readonly keyring: KeyringConfig;
  readonly providers: ProvidersConfig;
  /** Venues may have messages posted to this machine. Never in production. */
  readonly allowLoopbackReceivers: boolean;
  /** Time that an open circuit stays open. */
  readonly circuitOpenMs: number;
  readonly host: string;
}

export interface ApiConfig extends ServiceConfig {
  /** Null turns metrics off. */
  readonly metricsPort: number | null;
  /** 0 takes any free port. */
  readonly port: number;
  /** Without a trailing slash. */
  readonly publicUrl: string;
  /** Normalized URLs. A person may be sent back to any URL under one of them. */
  readonly returnUrls: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Base URL of the Temporal Web UI, without a trailing slash. */
  readonly temporalUiUrl: string | null;
  readonly jwt: JwtConfig;
  readonly rateLimits: RateLimitConfig;
  readonly venueShares: VenueShareConfig;
  readonly venueCaps: VenueCapConfig;
}

/** How long rows that only describe the past are kept. */
export interface RetentionConfig {
  readonly everyMinutes: number;
  readonly auditDays: number;
  readonly runDays: number;
  readonly syncLogDays: number;
  readonly planDays: number;
  readonly webhookBodyDays: number;
  readonly webhookEventDays: number;
  readonly outgoingMessageDays: number;
}

export interface WorkerConfig extends ServiceConfig {
  readonly healthPort: number | null;
  readonly retention: RetentionConfig;
  readonly maxSchedulesPerVenue: number;
  /** Subscribers are told of a scheduled sync without a good run for this long. */
  readonly staleAfterMs: number;
}

export interface MigrationConfig extends ProcessConfig {
  /** Holds a password: never log it. */
  readonly databaseUrl: string;
}

/** Configuration of the local `npm start`, which passes the rest of the environment on to its children. */
export interface RuntimeConfig extends ProcessConfig {
  /** A directory as given; resolve it against the working directory. */
  readonly home: string;
  readonly host: string;
  readonly port: number;
  /** Null runs an embedded Postgres. Holds a password: never log it. */
  readonly databaseUrl: string | null;
  /** Null runs a Temporal development server. */
  readonly temporalAddress: string | null;
  readonly temporalNamespace: string;
}

/** Throws ConfigError. */
export function readApiConfig(env: Env, providers: readonly ConfigurableProvider[]): ApiConfig {
  const environment = new Environment(env, 'api', providers);
  requireService(environment);
  requireJwt(environment);
  refuseOpenReturns(environment);
  requireWholeTokens(environment);
  requirePublicUrl(environment);
  refusePublicMetrics(environment);
  environment.finish();
  const host = environment.certain('HOST');
  const port = environment.certain('PORT');
  return {
    ...serviceOf(environment),
    port,
    publicUrl: environment.get('PUBLIC_URL') ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    returnUrls: environment.get('RETURN_URLS') ?? [],
    metricsPort: environment.get('METRICS_PORT') ?? null,
    trustedProxies: environment.get('TRUSTED_PROXIES') ?? [],
    temporalUiUrl: environment.get('TEMPORAL_UI_URL') ?? null,
    jwt: jwtOf(environment),
    rateLimits: {
      perCallerPerMinute: environment.certain('RATE_LIMIT_PER_CALLER_PER_MINUTE'),
      perVenuePerMinute: environment.certain('RATE_LIMIT_PER_VENUE_PER_MINUTE'),
      startsPerVenuePerMinute: environment.certain('RATE_LIMIT_STARTS_PER_VENUE_PER_MINUTE'),
      connectingPerVenuePerTenMinutes: environment.certain('RATE_LIMIT_CONNECTING_PER_VENUE_PER_TEN_MINUTES'),
    },
    venueShares: {
      atomicLoads: environment.certain('VENUE_SHARE_OF_ATOMIC_LOADS'),
      eventStreams: environment.certain('VENUE_SHARE_OF_EVENT_STREAMS'),
      databaseConnections: environment.certain('VENUE_SHARE_OF_DATABASE_CONNECTIONS'),
      startsPerSecond: environment.certain('VENUE_SHARE_OF_STARTS_PER_SECOND'),
      timeMsPerSecond: environment.certain('VENUE_SHARE_OF_TIME_MS_PER_SECOND'),
    },
    venueCaps: {
      connections: environment.certain('MAX_CONNECTIONS_PER_VENUE'),
      schedules: environment.certain('MAX_SCHEDULES_PER_VENUE'),
      subscriptions: environment.certain('MAX_SUBSCRIPTIONS_PER_VENUE'),
    },
  };
}

/** Throws ConfigError. */
export function readWorkerConfig(env: Env, providers: readonly ConfigurableProvider[]): WorkerConfig {
  const environment = new Environment(env, 'worker', providers);
  requireService(environment);
  refuseOutlivingDetails(environment);
  environment.finish();
  return {
    ...serviceOf(environment),
    healthPort: environment.get('HEALTH_PORT') ?? null,
    maxSchedulesPerVenue: environment.certain('MAX_SCHEDULES_PER_VENUE'),
    staleAfterMs: environment.certain('SYNC_STALE_AFTER_HOURS') * 3_600_000,
    retention: {
      everyMinutes: environment.certain('RETENTION_EVERY_MINUTES'),
      auditDays: environment.certain('RETENTION_AUDIT_DAYS'),
      runDays: environment.certain('RETENTION_RUN_DAYS'),
      syncLogDays: environment.certain('RETENTION_SYNC_LOG_DAYS'),
      planDays: environment.certain('RETENTION_PLAN_DAYS'),
      webhookBodyDays: environment.certain('RETENTION_WEBHOOK_BODY_DAYS'),
      webhookEventDays: environment.certain('RETENTION_WEBHOOK_EVENT_DAYS'),
      outgoingMessageDays: environment.certain('RETENTION_OUTGOING_MESSAGE_DAYS'),
    },
  };
}

/** Throws ConfigError. */
export function readMigrationConfig(env: Env): MigrationConfig {
  const environment = new Environment(env, 'migrations');
  environment.require('DATABASE_URL');
  environment.finish();
  return { ...processOf(environment), databaseUrl: environment.certain('DATABASE_URL') };
}

/** Throws ConfigError. */
export function readRuntimeConfig(env: Env, providers: readonly ConfigurableProvider[]): RuntimeConfig {
  const environment = new Environment(env, 'runtime', providers);
  environment.finish();
  return {
    ...processOf(environment),
    home: environment.certain('INTERLOCK_HOME'),
    host: environment.certain('HOST'),
    port: environment.certain('PORT'),
    databaseUrl: environment.get('DATABASE_URL') ?? null,
    temporalAddress: environment.isSet('TEMPORAL_ADDRESS') ? environment.certain('TEMPORAL_ADDRESS') : null,
    temporalNamespace: environment.certain('TEMPORAL_NAMESPACE'),
  };
}

function requireService(environment: Environment): void {
  environment.require('DATABASE_URL');
  if (environment.isSet('TEMPORAL_TLS_CERT_FILE'))
    environment.require('TEMPORAL_TLS_KEY_FILE', 'when TEMPORAL_TLS_CERT_FILE is set');
  if (environment.isSet('TEMPORAL_TLS_KEY_FILE'))
    environment.require('TEMPORAL_TLS_CERT_FILE', 'when TEMPORAL_TLS_KEY_FILE is set');
  requireKeyring(environment);
  environment.requireWholeProviders();
  refuseOpenUrls(environment);
  refuseLoopbackReceivers(environment);
}

function requireKeyring(environment: Environment): void {
  const local = environment.get('MOCK_KMS');
  // MOCK_KMS is reported as invalid already, and the checks below depend on it.
  if (local === undefined) return;
  if (local) {
    environment.require('ENCRYPTION_KEY', 'when MOCK_KMS=true');
    if (environment.get('NODE_ENV') === 'production') {
      environment.problem(
        'MOCK_KMS=true is refused when NODE_ENV=production. Remove it and set AWS_KMS_KEY_ID and AWS_REGION.',
      );
    }
    return;
  }
  environment.require('AWS_KMS_KEY_ID', 'unless MOCK_KMS=true (development only)');
  environment.require('AWS_REGION', 'unless MOCK_KMS=true (development only)');
  if (environment.isSet('ENCRYPTION_KEY')) {
    environment.problem(
      'ENCRYPTION_KEY is set but MOCK_KMS is not true, so it would protect nothing. Remove it, or set MOCK_KMS=true for development.',
    );
  }
}

function requireJwt(environment: Environment): void {
  const secret = environment.isSet('JWT_SECRET');
  const jwks = environment.isSet('JWT_JWKS_URL');
  if (secret && jwks)
    environment.problem('JWT_SECRET and JWT_JWKS_URL are both set. Keep one: it decides which tokens are let in.');
  if (!secret && !jwks) environment.require('JWT_SECRET', 'unless JWT_JWKS_URL is set');
}

function refuseOpenReturns(environment: Environment): void {
  const open =
    environment.get('NODE_ENV') === 'production' &&
    environment.get('RETURN_URLS')?.some((url) => url.startsWith('http:'));
  if (open === true)
    environment.problem('RETURN_URLS holds an http URL, which is refused when NODE_ENV=production. Use https.');
}

/**
 * In production, tokens must name issuer and audience. Without that check, a token made for another service with the
 * same secret or issuer would be accepted.
 */
function requireWholeTokens(environment: Environment): void {
  if (environment.get('NODE_ENV') !== 'production') return;
  environment.require('JWT_ISSUER', 'when NODE_ENV=production');
  environment.require('JWT_AUDIENCE', 'when NODE_ENV=production');
}

/**
 * In production, PUBLIC_URL must be set: the default is an address that account owners and providers cannot reach, or
 * reach without TLS.
 */
function requirePublicUrl(environment: Environment): void {
  if (environment.get('NODE_ENV') === 'production') environment.require('PUBLIC_URL', 'when NODE_ENV=production');
}

/** Refuses plain http for URLs that receive keys, tokens and codes. */
function refuseOpenUrls(environment: Environment): void {
  if (environment.get('NODE_ENV') !== 'production') return;
  for (const [name, { schema }] of Object.entries(environment.variables)) {
    const value = schema === httpUrl ? environment.value(name) : undefined;
    if (typeof value === 'string' && isOpenUrl(value))
      environment.problem(
        `${name} is an http URL, which is refused when NODE_ENV=production. Use https, or this machine's own address.`,
      );
  }
}

/** Refuses to let venues post to this machine in production: it runs what no venue may reach. */
function refuseLoopbackReceivers(environment: Environment): void {
  if (environment.get('NODE_ENV') === 'production' && environment.get('ALLOW_LOOPBACK_RECEIVERS') === true)
    environment.problem('ALLOW_LOOPBACK_RECEIVERS=true is refused when NODE_ENV=production. Remove it.');
}

/** Details, and the variable of what they belong to. */
const DETAILS = [
  ['RETENTION_SYNC_LOG_DAYS', 'RETENTION_RUN_DAYS'],
  ['RETENTION_PLAN_DAYS', 'RETENTION_RUN_DAYS'],
  ['RETENTION_WEBHOOK_BODY_DAYS', 'RETENTION_WEBHOOK_EVENT_DAYS'],
] as const;

/** Refuses to keep details, such as a run's log, longer than what they belong to: they are removed together with it. */
function refuseOutlivingDetails(environment: Environment): void {
  for (const [name, whole] of DETAILS)
    if ((environment.get(name) ?? 0) > (environment.get(whole) ?? Infinity))
      environment.problem(`${name} is longer than ${whole}, and ends with it. Make it as long at most.`);
}

/** Refuses metrics on the port that callers reach, because the metrics endpoint authenticates nobody. */
function refusePublicMetrics(environment: Environment): void {
  const port = environment.get('METRICS_PORT');
  if (port !== undefined && port !== 0 && port === environment.get('PORT'))
    environment.problem('METRICS_PORT is the same as PORT, which callers reach. Choose another.');
}

function processOf(environment: Environment): ProcessConfig {
  return { production: environment.certain('NODE_ENV') === 'production', logLevel: environment.certain('LOG_LEVEL') };
}

function serviceOf(environment: Environment): ServiceConfig {
  return {
    ...processOf(environment),
    databaseUrl: environment.certain('DATABASE_URL'),
    temporal: temporalOf(environment),
    keyring: keyringOf(environment),
    providers: environment.providers(),
    allowLoopbackReceivers: environment.certain('ALLOW_LOOPBACK_RECEIVERS'),
    circuitOpenMs: environment.certain('PROVIDER_CIRCUIT_SECONDS') * 1_000,
    host: environment.certain('HOST'),
  };
}

function temporalOf(environment: Environment): TemporalConfig {
  const apiKey = environment.get('TEMPORAL_API_KEY');
  const files = present({
    caFile: environment.get('TEMPORAL_TLS_CA_FILE'),
    certFile: environment.get('TEMPORAL_TLS_CERT_FILE'),
    keyFile: environment.get('TEMPORAL_TLS_KEY_FILE'),
  });
  // An API key turns TLS on, because it would be readable on a plain connection.
  const tls = apiKey || Object.keys(files).length > 0 ? files : undefined;
  return {
    address: environment.certain('TEMPORAL_ADDRESS'),
    namespace: environment.certain('TEMPORAL_NAMESPACE'),
    ...present({ apiKey, tls }),
  };
}

function keyringOf(environment: Environment): KeyringConfig {
  if (environment.certain('MOCK_KMS'))
    return {
      kind: 'local',
      key: environment.certain('ENCRYPTION_KEY'),
      ...present({ otherKeys: environment.get('OTHER_ENCRYPTION_KEYS') }),
    };
  return {
    kind: 'kms',
    keyId: environment.certain('AWS_KMS_KEY_ID'),
    region: environment.certain('AWS_REGION'),
    ...present({
      endpoint: environment.get('AWS_KMS_ENDPOINT'),
      otherKeyArns: environment.get('AWS_KMS_OTHER_KEY_ARNS'),
    }),
  };
}

function jwtOf(environment: Environment): JwtConfig {
  const claims = {
    maxLifeSeconds: environment.certain('JWT_MAX_LIFE_SECONDS'),
    ...present({ issuer: environment.get('JWT_ISSUER'), audience: environment.get('JWT_AUDIENCE') }),
  };
  const secret = environment.get('JWT_SECRET');
  return secret
    ? { kind: 'secret', secret, ...claims }
    : { kind: 'jwks', url: environment.certain('JWT_JWKS_URL'), ...claims };
}

type Present<Fields> = { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}
