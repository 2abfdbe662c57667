/** An application registered with the provider. `id` is its client id. */
export interface App {
  readonly id: string;
  readonly flow: string;
  readonly secret: string;
  /** Where the provider may send an account owner back to. When empty: any https URL, and http on this machine. */
  readonly redirectUris: readonly string[];
}

/** An account at the provider, such as a merchant or a company. */
export interface Account {
  readonly id: string;
  readonly name: string;
  /** Provider-specific values for answers about the account, such as its data centre or key. */
  readonly details: Readonly<Record<string, string>>;
}

/** An authorisation code. `id` is the code itself. Times are milliseconds since the epoch. */
export interface Code {
  readonly id: string;
  readonly app: string;
  readonly flow: string;
  readonly account: string;
  readonly scopes: readonly string[];
  /** As given in the authorisation URL; null when it had none. */
  readonly redirectUri: string | null;
  /** base64url of the SHA-256 of the verifier; null without PKCE. */
  readonly challenge: string | null;
  readonly expiresAtMs: number;
  /** The grant obtained with the code; null while the code is unused. */
  readonly grant: string | null;
}

export interface Grant {
  readonly id: string;
  readonly app: string;
  readonly flow: string;
  readonly account: string;
  readonly scopes: readonly string[];
  readonly approvedAtMs: number;
  readonly endedAtMs: number | null;
  readonly endedBy: 'app' | 'owner' | 'code-replay' | null;
  /** The newest refresh token; null when the provider issues none. */
  readonly refreshToken: string | null;
}

/** `id` is the token itself. */
export interface Token {
  readonly id: string;
  readonly kind: 'access' | 'refresh';
  readonly grant: string;
  readonly scopes: readonly string[];
  readonly issuedAtMs: number;
  /** Null when it never expires. */
  readonly expiresAtMs: number | null;
  /**
   * When the token stops working because another replaced it or it alone was revoked; null while neither has happened.
   */
  readonly endsAtMs: number | null;
}

export interface Rows {
  apps: App;
  accounts: Account;
  codes: Code;
  grants: Grant;
  tokens: Token;
}

export const TABLES = ['apps', 'accounts', 'codes', 'grants', 'tokens'] as const satisfies readonly (keyof Rows)[];

type Put = {
  [Table in keyof Rows]: { readonly op: 'put'; readonly table: Table; readonly row: Rows[Table] };
}[keyof Rows];

/**
 * One step of a transaction in the journal. A `reset` of everything keeps apps; a `reset` of one account removes only
 * its grants, codes and tokens.
 */
export type Change =
  | Put
  | { readonly op: 'settings'; readonly clockOffsetMs: number }
  | { readonly op: 'reset'; readonly account: string | null };

export function put<Table extends keyof Rows>(table: Table, row: Rows[Table]): Change {
  return { op: 'put', table, row } as Change;
}
