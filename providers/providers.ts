import type { Environment, GrantAccountKind, OAuthFlow, ProviderId } from '../contracts/providers.ts';
import type { GrantAccount } from '../domain/grants/account-choice.ts';
import type { LeaseRequest } from './budget.ts';
import type { ProviderDefinition } from './kit/define-provider.ts';
import type { WebhookSetup } from './kit/webhook-definition.ts';
import type { OAuthAdapter, OAuthCalls, SessionCredential } from './oauth.ts';
import type { ProviderAdapter, ProviderSession, SessionOptions } from './provider.ts';

/** Whose budget calls count against. */
export interface BudgetAccount {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

export interface CallOptions {
  /** Null while a key is being tested and its account is not known yet. */
  readonly account: Omit<BudgetAccount, 'provider'> | null;
  /** `interactive` may jump the queue that `bulk` work waits in. */
  readonly lane: 'interactive' | 'bulk';
  /** Stops waiting and calling. */
  readonly signal?: AbortSignal | undefined;
  /** Told once per HTTP call, whatever became of it, with the time it took without the wait for the budget. */
  readonly onCall?: ((durationMs: number) => void) | undefined;
}

export type OpenOptions = CallOptions & SessionCredential & Pick<SessionOptions, 'accounts'>;

/** Whether a provider's app is set up here, as `GET /v1/integrations` shows it. */
export interface Integration {
  /** At least one flow can be used. */
  readonly configured: boolean;
  /** Those that can be used, the one to offer first. */
  readonly flows: readonly OAuthFlow[];
  /** Where accounts that are connected by OAuth are; null while no flow can be used. */
  readonly environment: Environment | null;
  /** Variables that an operator has to set before the first flow can be used. */
  readonly missing: readonly string[];
}

/** How the accounts that a grant opens are listed. */
export interface AccountListing {
  readonly kind: GrantAccountKind;
  list(credential: SessionCredential, calls: OAuthCalls): Promise<readonly GrantAccount[]>;
}

/** A share of how many requests at once the provider account allows. Lapses by itself when it is not renewed. */
export interface ConcurrencyLease {
  /** Changes with `renew`: leases of one account come to even parts. */
  readonly slots: number;
  renew(): Promise<void>;
  release(): Promise<void>;
}

/** Every provider that was given to this process, each behind the same pipeline: budget → circuit → timeout → call → classify → count. */
export interface Providers {
  /** In the order of their definitions. */
  readonly ids: readonly ProviderId[];
  /** Null for an id that is not defined; so below. */
  definition(provider: ProviderId): ProviderDefinition | null;
  find(provider: ProviderId): ProviderAdapter | null;
  /** A session whose every call goes through the pipeline. Its calls throw ProviderError, or AbortError when `signal` ends the wait for a slot. */
  open(provider: ProviderId, options: OpenOptions): ProviderSession;
  /** Null: it sends no events that this service takes. */
  webhooks(provider: ProviderId): WebhookSetup | null;
  /** Null: not set up here, or no flow of this provider. */
  oauth(provider: ProviderId, flow: OAuthFlow): OAuthAdapter | null;
  /** Null: a grant of this provider opens one account. */
  accounts(provider: ProviderId): AccountListing | null;
  integration(provider: ProviderId): Integration;
  /** How an OAuth adapter reaches its provider: through the same pipeline as a session. */
  calls(provider: ProviderId, options: CallOptions & { readonly signal: AbortSignal }): OAuthCalls;
  /** Leases between 1 and `slots` requests at once, in place of what the holder has. Throws ProviderError `rate-limited` while all are taken. */
  lease(account: BudgetAccount, request: LeaseRequest): Promise<ConcurrencyLease>;
  /** Requests a second that the account's budget allows when nothing throttles it. */
  ratePerSecond(account: Pick<BudgetAccount, 'provider' | 'environment'>): number;
}
