import type { Environment, OAuthFlow } from '../contracts/providers.ts';
import type { CredentialValues } from './kit/connect-methods.ts';
import type { Secret } from '../vault/secret.ts';
import type { Call, ProviderAccount } from './provider.ts';

/** What an account's owner granted. Leaves an activity only sealed. */
export interface Grant {
  readonly accessToken: Secret;
  /** Null where the access token never expires. */
  readonly refreshToken: Secret | null;
  readonly accessExpiresAt: Date | null;
  /** When the refresh token dies if it is not used; null: never. */
  readonly refreshExpiresAt: Date | null;
  /** When the grant dies however much it is used; null: never. */
  readonly hardExpiresAt: Date | null;
  readonly scopes: readonly string[];
  /** What the provider has to be told beside the token, by its own names: `realmId`, `dc`, `stripe_user_id`, `merchant_id`. */
  readonly context: Readonly<Record<string, string>>;
}

export interface AuthorizationRequest {
  readonly state: string;
  readonly redirectUri: string;
  readonly codeVerifier: Secret;
  /** Null: what a sync of all resources needs. */
  readonly scopes: readonly string[] | null;
}

export interface CodeExchange {
  readonly code: Secret;
  readonly codeVerifier: Secret;
  readonly redirectUri: string;
  /** What the callback carried besides the code: the provider's `callbackParameters`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** How the calls of an OAuth adapter are made: each one HTTP call through `call`, never repeated by itself. */
export interface OAuthCalls {
  readonly call: Call;
  readonly signal: AbortSignal;
}

/** What a session is opened with. */
export interface SessionCredential {
  readonly secretKey: Secret;
  /** Set where the key is the platform's own and acts for this account. */
  readonly onBehalfOf?: string;
  /** Of entered credentials with several fields all of them, by name: secret ones wrapped. */
  readonly fields?: CredentialValues;
}

/** Whose account a grant is for, and what that question has taught about the grant itself. */
export interface GrantedAccount extends ProviderAccount {
  /** Belongs into the grant's `context`, which lacks it: Mailchimp's `dc`, or whose grant it is where the exchange did not say so. */
  readonly context?: Grant['context'];
}

/**
 * One provider's authorisation server in one flow. Throws ProviderError and nothing else: `needs-reauth` for a grant, code or refresh token that it
 * refuses (`invalid_grant`, revoked); `unavailable` with the code `invalid_client` when it refuses our app's own credentials, which is no
 * venue's fault. No state is shared between two calls.
 */
export interface OAuthAdapter {
  readonly flow: OAuthFlow;
  /** Where the accounts are that our app can be given access to. */
  readonly environment: Environment;
  /** How long the refresh token before the newest still works; 0: not at all; Infinity: it never changes. A response that was lost can be asked for again so long. */
  readonly previousTokenGraceMs: number;
  authorizationUrl(request: AuthorizationRequest): Promise<string>;
  exchange(exchange: CodeExchange, calls: OAuthCalls): Promise<Grant>;
  /** The whole new grant: what the answer leaves out is as it was. Null: this flow has nothing to refresh. */
  readonly refresh: ((grant: Grant, calls: OAuthCalls) => Promise<Grant>) | null;
  /** Null: only the account's owner can take the access back. A grant that is gone already counts as revoked. */
  readonly revoke: ((grant: Grant, calls: OAuthCalls) => Promise<void>) | null;
  /** Whose account it is and which scopes were granted, as the provider knows them: also the live test of a grant. Several calls. */
  account(grant: Grant, calls: OAuthCalls): Promise<GrantedAccount>;
  /** Pure. The id of the account that the grant is for, as `account` tells it, where the exchange has told it; null where only a call would. */
  accountIdOf(grant: Grant): string | null;
  credential(grant: Grant): SessionCredential;
  /** Pure. When a grant that was obtained then is due; null: never. */
  refreshAt(times: { readonly obtainedAt: Date; readonly accessExpiresAt: Date | null }): Date | null;
}
