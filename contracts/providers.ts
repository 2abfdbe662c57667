import type { ReportDefinition } from './reports.ts';

/** Names a provider, such as `square`. The registry of `providers/` knows which there are. */
export type ProviderId = string;

/** A provider's test mode (`sandbox`), or the mode that moves money (`production`). */
export const ENVIRONMENTS = ['sandbox', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** The name of a kind of record. The registry in the room `records` defines which exist. */
export type Resource = string;

/** `push` = venue → provider, `pull` = provider → venue, `both` = merged. */
export const DIRECTIONS = ['push', 'pull', 'both'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const SYNC_MODES = ['incremental', 'full'] as const;
export type SyncMode = (typeof SYNC_MODES)[number];

export const CONNECTION_STATES = [
  'connecting',
  'active',
  'degraded',
  'needs-reauth',
  'suspended',
  'disconnecting',
  'disconnected',
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/**
 * How an account owner grants access: Stripe Connect, a Stripe App, the code flow with the app's secret, or PKCE
 * instead of the secret.
 */
export const OAUTH_FLOWS = ['connect', 'app', 'code', 'pkce'] as const;
export type OAuthFlow = (typeof OAUTH_FLOWS)[number];

/** What an account is that a grant opens beside others, such as a location of a merchant. */
export const GRANT_ACCOUNT_KINDS = ['organisation', 'company', 'audience', 'location'] as const;
export type GrantAccountKind = (typeof GRANT_ACCOUNT_KINDS)[number];

/** What one provider supports. Shown by `GET /v1/integrations` and checked when a sync starts. */
export interface ProviderCapabilities {
  readonly provider: ProviderId;
  /** The display name, such as "Stripe". */
  readonly displayName: string;
  readonly resources: readonly { readonly resource: Resource; readonly directions: readonly Direction[] }[];
  /** Reports that are read on demand. */
  readonly reports: readonly ReportDefinition[];
  readonly connect: readonly ('api-key' | 'oauth')[];
  /** The limits that this service applies: the provider's, or lower ones. An operator may set another pace. */
  readonly limits: Readonly<Record<Environment, readonly Limit[]>>;
}

/** Whether a window counts the calls of one account, or of our app across all accounts. */
export type LimitScope = 'account' | 'app';

/** As long as the longest month: a window of this length is a calendar month in UTC, as providers bill them. */
export const MONTH_S = 31 * 86_400;

/** Stands between the key of an account or an app and a class of its calls, whose windows are kept apart. */
export const CALL_CLASS_MARK = '#';

/** A maximum number of calls within a number of seconds. */
export interface WindowLimit {
  readonly kind: 'window';
  readonly count: number;
  readonly perSeconds: number;
  readonly scope: LimitScope;
  /** The class of calls that it counts, in the adapter's word, such as `read`. Absent: every call. */
  readonly callClass?: string;
}

/** A maximum number of concurrent calls of one account. */
export interface ConcurrencyLimit {
  readonly kind: 'concurrent';
  readonly count: number;
}

export type Limit = WindowLimit | ConcurrencyLimit;
