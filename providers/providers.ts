import type { Environment, GrantAccountKind, OAuthFlow, ProviderId } from '../contracts/providers.ts';
import type { GrantAccount } from '../domain/grants/account-choice.ts';
import type { LeaseHolder, LeaseRequest } from './limits/budget.ts';
import type { ProviderDefinition } from './kit/define-provider.ts';
import type { WebhookSetup } from './kit/webhook-definition.ts';
import type { OAuthAdapter, OAuthCalls, SessionCredential } from './oauth.ts';
import type { ProviderAdapter, ProviderSession, SessionOptions } from './provider.ts';

/** The account whose budget pays for the calls. */
export interface BudgetAccount {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

export interface CallOptions {
  /** Null while a key is being tested and its account is unknown. */
  readonly account: Omit<BudgetAccount, 'provider'> | null;
  /** `interactive` calls may overtake waiting `bulk` calls. */
  readonly lane: 'interactive' | 'bulk';
  /** Ends waits and calls. */
  readonly signal?: AbortSignal | undefined;
  /** Called once per HTTP call, whatever its outcome, with its duration without the wait for the budget. */
  readonly onCall?: ((durationMs: number) => void) | undefined;
}

export interface OpenOptions extends CallOptions, SessionCredential, Pick<SessionOptions, 'accounts'> {
  /**
   * Who holds the leases of the session's exclusive writes (`ResourceWriter.exclusive`). Absent: the session itself,
   * so that a lease that it leaves behind ends by time alone.
   */
  readonly holder?: LeaseHolder | undefined;
}

/** Whether a provider's app is configured here, as `GET /v1/integrations` shows it. */
export interface Integration {
  /** At least one flow is usable. */
  readonly configured: boolean;
  /** The usable flows, the one to offer first. */
  readonly flows: readonly OAuthFlow[];
  /** The environment of accounts connected by OAuth; null while no flow is usable. */
  readonly environment: Environment | null;
  /** Variables that an operator has to set before the first flow is usable. */
  readonly missing: readonly string[];
}

/** How the accounts that a grant opens are listed. */
export interface AccountListing {
  readonly kind: GrantAccountKind;
  list(credential: SessionCredential, calls: OAuthCalls): Promise<readonly GrantAccount[]>;
}

/** A share of the provider account's concurrent requests. It expires unless renewed. */
export interface ConcurrencyLease {
  /** Changes with `renew`, which evens out the leases of one account. */
  readonly slots: number;
  renew(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Every provider of this process, each behind the same pipeline: budget → circuit → timeout → call → classify → count.
 */
export interface Providers {
  /** In the order of their definitions. */
  readonly ids: readonly ProviderId[];
  /** Null for an undefined id; the same holds below. */
  definition(provider: ProviderId): ProviderDefinition | null;
  find(provider: ProviderId): ProviderAdapter | null;
  /**
   * A session whose calls all go through the pipeline. They throw ProviderError, or AbortError when `signal` ends the
   * wait for a slot.
   */
  open(provider: ProviderId, options: OpenOptions): ProviderSession;
  /** Null: the provider sends no events that this service takes. */
  webhooks(provider: ProviderId): WebhookSetup | null;
  /** Null: not configured here, or not a flow of this provider. */
  oauth(provider: ProviderId, flow: OAuthFlow): OAuthAdapter | null;
  /** Null: a grant of this provider opens one account. */
  accounts(provider: ProviderId): AccountListing | null;
  integration(provider: ProviderId): Integration;
  /** How an OAuth adapter reaches its provider: through the same pipeline as a session. */
  calls(provider: ProviderId, options: CallOptions & { readonly signal: AbortSignal }): OAuthCalls;
  /**
   * Leases 1 to `slots` concurrent requests, replacing the holder's lease. Throws ProviderError `rate-limited` while
   * all are taken.
   */
  lease(account: BudgetAccount, request: LeaseRequest): Promise<ConcurrencyLease>;
  /** The account's budget in requests per second while nothing throttles it. */
  ratePerSecond(account: Pick<BudgetAccount, 'provider' | 'environment'>): number;
}
