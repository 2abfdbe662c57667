import { z } from 'zod';
import type { Secret } from '../../vault/secret.ts';
import type { GrantAccountKind, OAuthFlow } from '../../contracts/providers.ts';
import type { GrantAccount } from '../../domain/grants/account-choice.ts';
import type { OAuthAdapter, OAuthCalls, SessionCredential } from '../oauth.ts';

/** A query parameter that the provider adds to the callback and that the exchange of the code needs. */
export interface CallbackParameter {
  /** Matches the whole value. Keep it narrow, because the value may become part of a path or a header. */
  readonly pattern: RegExp;
  /** A callback without it is refused before the code is spent. */
  readonly required: boolean;
  readonly description: string;
}

/**
 * The accounts that one grant opens, from which the venue chooses; a session receives the choice
 * (`SessionOptions.accounts`).
 */
export interface GrantAccounts<Settings> {
  readonly kind: GrantAccountKind;
  /** Lists all of them. Throws only ProviderError. */
  list(settings: Settings, credential: SessionCredential, calls: OAuthCalls): Promise<readonly GrantAccount[]>;
}

/** Access by the account owner's consent: OAuth 2.0 with an authorization code. */
export interface OAuth2Method<Settings> {
  readonly kind: 'oauth';
  /** The settings to name while no flow is configured. */
  readonly needs: readonly string[];
  /** The scopes that may be requested, by flow. A flow that is absent takes no scopes. */
  readonly scopes: Readonly<Partial<Record<OAuthFlow, readonly string[]>>>;
  readonly callbackParameters: Readonly<Record<string, CallbackParameter>>;
  /** Absent when a grant opens one account and there is nothing to choose. */
  readonly accounts?: GrantAccounts<Settings>;
  /** The flows that are usable with these settings, the usual one first. */
  flows(settings: Settings): readonly OAuthAdapter[];
}

/** One field of the credentials that a venue enters. */
export interface CredentialField {
  readonly description: string;
  /** A secret field is sealed before storage and never shown again; other fields are stored as they are. */
  readonly secret: boolean;
  readonly schema: z.ZodType<string, string>;
}

export type CredentialFields = Readonly<Record<string, CredentialField>>;

/** The fields' values by name, with secret ones wrapped. */
export type CredentialValues = Readonly<Record<string, string | Secret>>;

/** Access by credentials that the venue enters, such as an API key. They are tested at the provider before storage. */
export interface CredentialsMethod {
  readonly kind: 'api-key';
  readonly fields: CredentialFields;
}

export type ConnectMethod<Settings> = OAuth2Method<Settings> | CredentialsMethod;

/** Declares access by consent. */
export function oauth2<Settings>(
  method: Omit<OAuth2Method<Settings>, 'kind' | 'scopes' | 'callbackParameters'> &
    Partial<Pick<OAuth2Method<Settings>, 'scopes' | 'callbackParameters'>>,
): OAuth2Method<Settings> {
  return { scopes: {}, callbackParameters: {}, ...method, kind: 'oauth' };
}

/** Declares access by credentials that the venue enters. The first secret field is the `secretKey` of a session. */
export function credentials({ fields }: { readonly fields: CredentialFields }): CredentialsMethod {
  if (!Object.values(fields).some(({ secret }) => secret)) throw new Error('credentials without a secret field');
  return { kind: 'api-key', fields };
}

const MAX_FIELD_LENGTH = 500;

/** A key, token or password: printable ASCII without spaces. */
export const secretField = (description: string): CredentialField => ({
  description,
  secret: true,
  schema: z
    .string()
    .min(1)
    .max(MAX_FIELD_LENGTH)
    .regex(/^[\x21-\x7e]*$/, 'Must be printable ASCII without spaces'),
});

/** A field that everybody who may see the connection may read, such as a user name or an account's SID. */
export const textField = (description: string, pattern: RegExp, rule: string): CredentialField => ({
  description,
  secret: false,
  schema: z.string().min(1).max(MAX_FIELD_LENGTH).regex(pattern, rule),
});

/** The base URL of a service that the venue runs or rents. `guardedFetch` makes calls to it. */
export const addressField = (description: string): CredentialField => ({
  description,
  secret: false,
  schema: z
    .string()
    .max(MAX_FIELD_LENGTH)
    .refine((value) => isBase(value), 'Must be an http or https URL without user, password, query and fragment')
    .transform((value) => value.replace(/\/+$/, '')),
});

function isBase(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    !/[?#\s]/.test(value)
  );
}

/** The usual credentials: one secret key. */
export const apiKey = (): CredentialsMethod =>
  credentials({
    fields: { secretKey: secretField('The provider’s secret key. Tested, sealed, and never shown again.') },
  });
