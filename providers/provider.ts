import type { Environment, ProviderCapabilities, ProviderId, Resource } from '../contracts/providers.ts';
import type { CustomerFields } from '../contracts/records.ts';
import type { Secret } from '../vault/secret.ts';

/** The account a credential belongs to. */
export interface ProviderAccount {
  readonly externalAccountId: string;
  readonly name: string | null;
  readonly environment: Environment;
  readonly scopes: readonly string[];
}

/** One record as a provider told it, in our words. */
export interface ProviderRecord {
  readonly externalId: string;
  /** Grows with every newer reading of the same record; the meaning is the provider's. */
  readonly version: number;
  /** Set when the provider says that the record is deleted; `fields` are then the last known or null. */
  readonly deleted: boolean;
  /** Our record's id, where an earlier push of ours left it at the provider. */
  readonly recordId: string | null;
  /** Null for a deletion. */
  readonly fields: CustomerFields | null;
}

/** A part of a listing: creation times in [fromEpochS, toEpochS), newest first, after `after`. */
export interface ListQuery {
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  /** The provider's id of the last record seen in this part. */
  readonly after: string | null;
}

export interface ProviderPage {
  readonly records: readonly ProviderRecord[];
  /** Where to go on in the same part; null when the part has ended. */
  readonly after: string | null;
  /** Creation time of the oldest record on the page, seconds; null for an empty one. Lets the reader split what is left. */
  readonly oldestEpochS: number | null;
}

/** What a record becomes at the provider. `problems` names every field that the provider would refuse. */
export interface MappedRecord {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

export interface WriteOptions {
  readonly idempotencyKey: string;
  /** Metadata keys that an earlier write left at the provider and that the record no longer has. Updates only. */
  readonly clearedMetadataKeys?: readonly string[];
}

/**
 * One provider account's records of one resource. Each method is exactly one HTTP call, so that the pipeline around it can count
 * and pace. It throws ProviderError and nothing else, and it never retries, waits, stores, or knows that Temporal exists.
 */
export interface ResourceSession {
  readonly listPage: (query: ListQuery) => Promise<ProviderPage>;
  /** What changed since a moment, newest first; absent where the provider has no change feed. */
  readonly listChanges?: (query: ListQuery) => Promise<ProviderPage>;
  create(mapped: MappedRecord, options: WriteOptions): Promise<ProviderRecord>;
  update(externalId: string, mapped: MappedRecord, options: WriteOptions): Promise<ProviderRecord>;
  /** Null when the provider has no such record, or has deleted it. */
  retrieve(externalId: string): Promise<ProviderRecord | null>;
  /** Looks for the twin that an earlier write of unknown outcome may have left; pages like `listPage`. */
  findTwin(hint: TwinHint): Promise<TwinSearch>;
}

export interface TwinHint {
  readonly recordId: string;
  readonly email: string | null;
  readonly createdSinceEpochS: number;
  readonly after: string | null;
}

export interface TwinSearch {
  readonly found: ProviderRecord | null;
  /** Set while there is more to look through. */
  readonly after: string | null;
}

export interface ProviderSession {
  /** Asks the provider whose credential this is: the live test of a key. */
  account(): Promise<ProviderAccount>;
  resource(resource: Resource): ResourceSession;
}

export interface ResourceMapping {
  /** Pure: canonical fields → provider payload. */
  toPayload(record: { readonly id: string; readonly sourceId: string; readonly fields: CustomerFields }): MappedRecord;
}

export interface SessionOptions {
  readonly secretKey: Secret;
  /** Cancels every call of the session: the activity is asked to stop, or has run out of time. */
  readonly signal?: AbortSignal | undefined;
}

/** What one provider can do, in our words. */
export interface ProviderAdapter {
  readonly id: ProviderId;
  readonly capabilities: ProviderCapabilities;
  open(options: SessionOptions): ProviderSession;
  mapping(resource: Resource): ResourceMapping;
}
