import type { Resource } from '../../contracts/providers.ts';
import type { TestSettings } from '../support/test-providers.ts';
import type { Secret } from '../../vault/secret.ts';

export type Trouble =
  | 'server-error'
  | 'server-error-once-stored'
  | 'page-instead-of-json'
  | 'too-many-requests'
  | 'reset'
  | 'reset-after-commit';

/** A provider's stand-in, as the conformance suite uses it. */
export interface RunningSandbox {
  /** This provider's part of the configuration. */
  readonly config: Partial<TestSettings>;
  readonly secretKey: Secret;
  /** The account that the key acts for, where the key does not tell it. */
  readonly onBehalfOf?: string;
  /** The accounts that are chosen of those that the key opens; absent: all. */
  readonly accounts?: readonly string[];
  /** Of the account, where the provider has no test mode. */
  readonly environment?: 'production';
  /** A key that the provider knows, with fewer permissions than a sync needs. */
  readonly restrictedKey: Secret;
  /** What such a key's requests are refused as: `rejected` where the owner may stay as they are. */
  readonly restrictedKind: 'rejected' | 'needs-reauth';
  /** The status of that refusal; 403 by default. */
  readonly restrictedStatus?: number;
  readonly unknownKey: Secret;
  /** Deletes everything that was created and every fault. */
  reset(): Promise<void>;
  /**
   * Creates records as another client would. Returns the ids of all records that exist then and that a full pass
   * returns.
   */
  seed(resource: Resource, count: number): Promise<readonly string[]>;
  /** Deletes a record as another client would. */
  remove(resource: Resource, externalId: string): Promise<void>;
  /**
   * Makes what records of the resource name, and tells the provider's ids by kind and `sourceId`, as samples have it. Absent
   * where no record that is written names another.
   */
  prepare?(resource: Resource): Promise<KnownIds>;
  /** A well-formed id of no existing record. */
  unknownId(resource: Resource): string;
  /** Makes the next `times` requests fail. */
  trouble(kind: Trouble, times: number): Promise<void>;
  /** The resources whose change feed tells deletions; of others only a full pass finds them. */
  readonly feedTellsDeletionsOf: readonly Resource[];
  /** Whether objects have a place for our record's id; otherwise a record is known again by its unique name. */
  carriesOurId(resource: Resource): boolean;
  /** Whether an update brings back what was archived; it does by default. */
  readonly bringsBack?: (resource: Resource) => boolean;
  /** No two objects of an account share a name. */
  readonly hasUniqueNames?: true;
  /** Fields without which the provider makes nothing new of the resource; `name` by default. */
  readonly neededFields?: (resource: Resource) => readonly string[];
  /** Fields that the provider fills in itself where a new record has none. */
  readonly fillsIn?: (resource: Resource) => readonly string[];
  /** Whether the provider keeps a failure under its idempotency key, and answers it again. */
  readonly keepsFailures: boolean;
  /** Ids of all existing records. */
  ids(resource: Resource): Promise<readonly string[]>;
  /** Calls that the adapter makes besides one for each answer, because the provider needs them. */
  readonly extraCalls: {
    /** To say whose key it is. */
    readonly account: number;
    /** Before the first page of a list, by the name of the list. */
    readonly first: Readonly<Partial<Record<string, number>>>;
    /** Before the first record that is ever written to an account. */
    readonly firstWrite: Readonly<Partial<Record<Resource, number>>>;
    /** To read all lists of a resource. */
    readonly listing: Readonly<Partial<Record<Resource, number>>>;
  };
  /** What writes have caused at the provider beside the object that was written, such as a change of stock; oldest first. */
  sideEffects(): Promise<readonly object[]>;
  /** Number of requests that the adapter has made so far. */
  requests(): Promise<number>;
  close(): Promise<void>;
}

/** The provider's ids of records, by kind and `sourceId`. */
export type KnownIds = Readonly<Partial<Record<Resource, Readonly<Record<string, string>>>>>;

export const TROUBLE: Readonly<Record<Trouble, object>> = {
  'server-error': { kind: 'status', status: 500 },
  'server-error-once-stored': { kind: 'status', status: 500, stored: true },
  'page-instead-of-json': { kind: 'status', status: 502, body: 'html' },
  'too-many-requests': { kind: 'status', status: 429 },
  reset: { kind: 'reset' },
  'reset-after-commit': { kind: 'commit-then-fail' },
};
