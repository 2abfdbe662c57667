/** Names a provider, such as `square`. The registry of `providers/` knows which there are. */
export type ProviderId = string;

/** A provider's test mode (`sandbox`) or the one that moves money (`production`). */
export const ENVIRONMENTS = ['sandbox', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** The name of a kind of record. Which there are, the registry in the room `records` says. */
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

/** How an owner grants access: Stripe Connect or a Stripe App, the code flow with the app's secret, or with PKCE in its place. */
export const OAUTH_FLOWS = ['connect', 'app', 'code', 'pkce'] as const;
export type OAuthFlow = (typeof OAUTH_FLOWS)[number];

/** What one provider can do, as `GET /v1/integrations` shows it and as a sync start is checked against. */
export interface ProviderCapabilities {
  readonly provider: ProviderId;
  /** What a person calls it: "Stripe". */
  readonly displayName: string;
  readonly resources: readonly { readonly resource: Resource; readonly directions: readonly Direction[] }[];
  readonly connect: readonly ('api-key' | 'oauth')[];
  /** Default budget per provider account and environment, requests per second and requests at once. */
  readonly limits: Readonly<Record<Environment, { readonly requestsPerSecond: number; readonly concurrency: number }>>;
}
