import type { Environment, OAuthFlow } from '../contracts/providers.ts';
import type { CredentialValues } from './kit/connect-methods.ts';
import type { Secret } from '../vault/secret.ts';
import type { Call, ProviderAccount } from './provider.ts';

/** What an account's owner has granted. It leaves an activity only sealed. */
export interface Grant {
  readonly accessToken: Secret;
  /** Null when the access token never expires. */
  readonly refreshToken: Secret | null;
  readonly accessExpiresAt: Date | null;
  /** When the refresh token expires if unused; null: never. */
  readonly refreshExpiresAt: Date | null;
  /** When the grant expires however much it is used; null: never. */
  readonly hardExpiresAt: Date | null;
  readonly scopes: readonly string[];
  /**
   * What the provider needs besides the token, under its own names: `realmId`, `dc`, `stripe_user_id`, `merchant_id`.
   */
  readonly context: Readonly<Record<string, string>>;
}

export interface AuthorizationRequest {
  readonly state: string;
  readonly redirectUri: string;
  readonly codeVerifier: Secret;
  /** Null: the scopes that a sync of all resources needs. */
  readonly scopes: readonly string[] | null;
}

export interface CodeExchange {
  readonly code: Secret;
  readonly codeVerifier: Secret;
  readonly redirectUri: string;
  /** What the callback carried besides the code: the provider's `callbackParameters`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** How an OAuth adapter makes its calls: each is one HTTP call through `call` and is never repeated by the adapter. */
export interface OAuthCalls {
  readonly call: Call;
  readonly signal: AbortSignal;
}

/** The credentials that open a session. */
export interface SessionCredential {
  readonly secretKey: Secret;
  /** Set when the key is the platform's own and acts for this account. */
  readonly onBehalfOf?: string;
  /** All fields of entered credentials by name, with secret ones wrapped. */
  readonly fields?: CredentialValues;
}

/** The account of a grant, and what the question revealed about the grant itself. */
export interface GrantedAccount extends ProviderAccount {
  /**
   * A value missing from the grant's `context`: Mailchimp's `dc`, or the account where the exchange did not name it.
   */
  readonly context?: Grant['context'];
}

/**
 * One provider's authorisation server in one flow. Throws only ProviderError: `needs-reauth` for a grant, code or
 * refresh token that it refuses (`invalid_grant`, revoked); `unavailable` with the code `invalid_client` when it
 * refuses our app's own credentials, which no venue can fix. Calls share no state.
 */
export interface OAuthAdapter {
  readonly flow: OAuthFlow;
  /** The environment of the accounts that our app can be given access to. */
  readonly environment: Environment;
  /**
   * How long the previous refresh token still works; 0: not at all; Infinity: it never changes. Within this time a lost
   * response can be requested again.
   */
  readonly previousTokenGraceMs: number;
  authorizationUrl(request: AuthorizationRequest): Promise<string>;
  exchange(exchange: CodeExchange, calls: OAuthCalls): Promise<Grant>;
  /** Returns the whole new grant; values that the answer omits are kept. Null: this flow has nothing to refresh. */
  readonly refresh: ((grant: Grant, calls: OAuthCalls) => Promise<Grant>) | null;
  /** Null: only the account's owner can revoke the access. A grant that is already gone counts as revoked. */
  readonly revoke: ((grant: Grant, calls: OAuthCalls) => Promise<void>) | null;
  /** The account and the granted scopes as the provider knows them, which also tests the grant. Takes several calls. */
  account(grant: Grant, calls: OAuthCalls): Promise<GrantedAccount>;
  /** Pure. The account id, as `account` returns it, when the exchange told it; null when only a call would. */
  accountIdOf(grant: Grant): string | null;
  credential(grant: Grant): SessionCredential;
  /** Pure. When a grant obtained at that time is due for a refresh; null: never. */
  refreshAt(times: { readonly obtainedAt: Date; readonly accessExpiresAt: Date | null }): Date | null;
}
