/** An application that is registered with the provider. `id` is its client id. */
export interface App {
  readonly id: string;
  readonly flow: string;
  readonly secret: string;
  /** Where the provider may send an owner back to. Empty: any https URL, and http on this machine. */
  readonly redirectUris: readonly string[];
}

/** Somebody's account at the provider: a merchant, a company. */
export interface Account {
  readonly id: string;
  readonly name: string;
  /** What the provider's own answers about it need besides: its data centre, its key. */
  readonly details: Readonly<Record<string, string>>;
}

/** An authorisation code. `id` is the code itself. Times are milliseconds since the epoch. */
export interface Code {
  readonly id: string;
  readonly app: string;
  readonly flow: string;
  readonly account: string;
  readonly scopes: readonly string[];
  /** As the authorisation URL had it; null when it had none. */
  readonly redirectUri: string | null;
  /** base64url of the SHA-256 of the verifier; null without PKCE. */
  readonly challenge: string | null;
  readonly expiresAtMs: number;
  /** The grant that came of it; null while it is unused. */
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
  /** The newest refresh token; null where there are none. */
  readonly refreshToken: string | null;
}

/** `id` is the token itself. */
export interface Token {
  readonly id: string;
  readonly kind: 'access' | 'refresh';
  readonly grant: string;
  readonly scopes: readonly string[];
  readonly issuedAtMs: number;
  /** Null: never. */
  readonly expiresAtMs: number | null;
  /** From when on it is no good any more because another has taken its place, or it alone was revoked; null while it stands. */
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

/** One step of a transaction, as the journal keeps it. `reset` spares apps; of an account it takes grants, codes and tokens alone. */
export type Change =
  | Put
  | { readonly op: 'settings'; readonly clockOffsetMs: number }
  | { readonly op: 'reset'; readonly account: string | null };

export function put<Table extends keyof Rows>(table: Table, row: Rows[Table]): Change {
  return { op: 'put', table, row } as Change;
}
