import type { Environment, ProviderCapabilities, ProviderId, Resource } from '../contracts/providers.ts';
import type { RecordNote } from '../contracts/records.ts';
import type { ProviderReport, ReportDays } from '../contracts/reports.ts';
import type { RecordFields } from '../records/record-kind.ts';
import type { Holdings } from '../domain/mapping/mapping.ts';
import type { ListReferences } from '../domain/sync/list-references.ts';
import type { Cursor, PullPlan } from '../domain/sync/pull/pull-plan.ts';
import type { CredentialValues } from './kit/connect-methods.ts';
import type { LimitReading } from './limits/limits.ts';
import type { ProviderError, ProviderErrorDetails } from './provider-error.ts';
import type { Secret } from '../vault/secret.ts';

export type { Cursor, PullPlan };

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
  /** Set when the provider says that the record is deleted, or that another has taken its place; `fields` are then null. */
  readonly deleted: boolean;
  /** With `deleted`: nothing was lost, another record has taken its place. It is archived without further questions. */
  readonly superseded?: true;
  /** With `deleted`: when, in ms, by the provider's clock; absent where it does not tell. */
  readonly deletedAtMs?: number;
  /** When the object last changed, in ms, by the provider's clock; absent where it does not tell. */
  readonly changedAtMs?: number;
  /** When what it tells of began, in ms: the object was created, or its money moved. Absent where the provider does not tell. */
  readonly beganAtMs?: number;
  /**
   * Ids of objects that the provider has merged into this one, as far as the answer shows it: a look-up of one of them
   * answers with this object. Their records are this object's from then on. Absent: none. Only where it writes in batches does a
   * two-way run merge both sides before it writes to what a record was merged into.
   */
  readonly mergedFrom?: readonly string[];
  /** Our record's id, where an earlier push of ours left it at the provider. */
  readonly recordId: string | null;
  /** Null for a deletion. */
  readonly fields: RecordFields | null;
  /**
   * The provider's ids of other records that this one names, by the names that its kind gives them. Our own ids are looked up where it is
   * stored; null where the provider names none.
   */
  readonly refs?: RecordRefs;
  /** The same inside lists, such as the product of an invoice's line. The elements themselves name nothing: our own ids are filled in where the record is stored. */
  readonly listRefs?: ListReferences;
  /**
   * Custom fields of the provider's object that are in none of `fields`, each as the names that lead to it. Keys of
   * `metadata` need not be told: they are custom fields, unless they begin with the provider's id.
   */
  readonly customFields?: readonly (readonly string[])[];
  /** Of a search: the object was there before the first write of the record that it was found for. What that record leaves empty is kept; needs a mapping that `leavesAbsent`. */
  readonly wasThere?: true;
  /** What the next write to the remote record has to know of it, such as its current price; handed back with that write. */
  readonly externalState?: ExternalState | null;
}

export type RecordRefs = Readonly<Record<string, string | null>>;

/** Small values in the provider's words; stored with the link, opaque to everybody but the adapter. */
export type ExternalState = Readonly<Record<string, string | number>>;

/**
 * What another object tells of records that were read before, such as an invoice of its payment: the provider's id that they are found by, under
 * the name of the reference that their kind's `amendments` names, and values of the fields that it lists. Dropped where there are no such records.
 */
export type ProviderAmendment = Readonly<Record<string, unknown>>;

/** One page of one of the provider's lists. What the fields mean is the list's strategy: see `PullPlan`. */
export interface ListQuery {
  /** One of the lists that `PullPlan` names: a resource may be made of several. */
  readonly stream: string;
  /** `timeWindows`: creation times in [fromEpochS, toEpochS), newest first. Other strategies: changed since then, where the list can be asked so. */
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  /**
   * As the page before left it, null for the first page. `timeWindows`: the id of the last object. `offset`: the number of objects to pass over.
   * With `since: 'token'` the first page has the token of the last pull.
   */
  readonly after: Cursor | null;
}

/** An object of a page that cannot become a record. It is logged and counted, and the rest of the page goes on. */
export interface ProviderRejection {
  /** Null when not even its id could be read. */
  readonly externalId: string | null;
  /** Kebab-case, listed in docs/errors.md. */
  readonly code: string;
  /** Names the field and the rule that it breaks, never its value. */
  readonly message: string;
  /** Fields whose values are none that the adapter knows, each as the names that lead to it. */
  readonly unknownValues?: readonly (readonly string[])[];
  /** Fields whose values are of another type than the provider documents, likewise. */
  readonly changedTypes?: readonly (readonly string[])[];
}

export interface ProviderPage {
  readonly records: readonly ProviderRecord[];
  readonly amendments?: readonly ProviderAmendment[];
  readonly rejections?: readonly ProviderRejection[];
  /** Fields of its objects that the provider does not document, each as the names that lead to it. */
  readonly newFields?: readonly (readonly string[])[];
  /** Where to go on in the same list; null when it has ended. */
  readonly after: Cursor | null;
  /** Where the next pull goes on, of a change feed that is read since a token; only the last page of a list knows. */
  readonly feedCursor?: Cursor;
  /** Most objects that a page can hold. */
  readonly pageSize: number;
  /** Everything on the page in the order it came, also what became no record: the reader checks that pages neither repeat nor leave their part. A page of a list of ids has nothing else. */
  readonly positions: readonly PagePosition[];
}

export interface PagePosition {
  readonly id: string;
  /** The time that the list is ordered by, which `timeWindows` needs: that of creation. Null where it has no order by time. */
  readonly atEpochS: number | null;
}

/** What a record becomes at the provider. `problems` names every field that the provider would refuse. */
export interface MappedRecord {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  /** Fields that the venue has left out: the payload has nothing of them, and a write leaves them as they are. */
  readonly excluded?: readonly string[];
  /** What of the record the payload could not carry over. A writer that is given them adds them to what it has written. */
  readonly notes?: readonly RecordNote[];
}

export interface WriteOptions {
  readonly idempotencyKey: string;
}

export interface CreateOptions extends WriteOptions {
  /**
   * A two-way run writes a record anew whose object was deleted. A provider that revives the deleted object clears what
   * the record leaves empty.
   */
  readonly isAnew?: true;
}

export interface UpdateOptions extends WriteOptions {
  /** Metadata keys that an earlier write left at the provider and that the record no longer has. */
  readonly clearedMetadataKeys: readonly string[];
  /** As the last reading or write left it. */
  readonly externalState: ExternalState | null;
  /**
   * The version that the run has read and merged. A remote record that is newer is refused as a conflict (`remoteChanged`) and not
   * written.
   */
  readonly expectedVersion?: number;
  /** What the same run has read of the remote record, so that it need not be read again. */
  readonly readFields?: RecordFields;
  /** An earlier update of unknown outcome, with other content or under another key, may have gone any part of its way: what it left behind is looked up. */
  readonly afterLostUpdate?: boolean;
}

/**
 * One provider account's records of one resource. Every HTTP call goes through the pipeline's `call`. It throws ProviderError and
 * nothing else, and it never retries, waits, stores, or knows that Temporal exists.
 */
export interface ResourceSession {
  /** One HTTP call, and more only where the provider's page does not tell everything. */
  readonly listPage: (query: ListQuery) => Promise<ProviderPage>;
  /** How many records a full listing would bring, as far as one HTTP call can tell; null when the provider does not know. */
  readonly count: () => Promise<number | null>;
  /** The version that a reading has which was asked for at this time of ours. Once an answer is there, it counts the provider's time. */
  readonly versionOf: (askedAtMs: number) => number;
  /** Null when the provider has no such record, or has deleted it. One that was merged answers with what it was merged into. */
  readonly retrieve: (externalId: string) => Promise<ProviderRecord | null>;
  /** Looks up many records by few calls. Absent where the provider tells one record a call. */
  readonly retrieveMany?: BulkRetrieval;
  /**
   * Looks up the record that an amendment is about, by the reference that the amendment has. Null when there is none.
   * Absent where the provider's amendments need none.
   */
  readonly retrieveAmended?: (reference: string) => Promise<ProviderRecord | null>;
  /** Null for a resource that is only read. */
  readonly writer: ResourceWriter | null;
}

/** Looks up many records by few calls. */
export interface BulkRetrieval {
  /** Most records that one call takes. */
  readonly size: number;
  /** A record that is among neither the records, nor what they were merged from, nor the rejections of the answer is not there. */
  readonly read: (externalIds: readonly string[]) => Promise<FoundRecords>;
}

export type FoundRecords = Pick<ProviderPage, 'records' | 'rejections'>;

/** A remote record as a write has left it. */
export interface WrittenRecord extends ProviderRecord {
  /** What the write could not carry over or left standing; goes to the run's log and to the record's link. */
  readonly notes?: readonly RecordNote[];
}

export interface ResourceWriter {
  /**
   * Names the part of the account, such as `catalogue`, to which the provider takes one write at a time, from whichever
   * connection. Each write, with the reads that belong to it, then waits until no other session writes to that part.
   * Absent: writes may overlap.
   */
  readonly exclusive?: string;
  /**
   * Asks the provider what every write has to know, such as the audience of its members. Called while records are still
   * being read, as soon as one of them has to be written. A write that needs the answer asks again after a failure.
   */
  readonly prepare?: () => Promise<unknown>;
  /** Every object that was created here tells the id of its record wherever it is read. Absent: nothing but its own id is known of it. */
  readonly tellsRecordId?: true;
  readonly create: (mapped: MappedRecord, options: CreateOptions) => Promise<WrittenRecord>;
  /** May take several HTTP calls; repeated with the same arguments it ends the same. */
  readonly update: (externalId: string, mapped: MappedRecord, options: UpdateOptions) => Promise<WrittenRecord>;
  /** Takes the remote record out of use. `deleted`: it is gone for good; `archived`: it stays, and a later update brings it back or is refused. A remote record that is gone already is `deleted`. */
  readonly archive: (externalId: string, options: WriteOptions) => Promise<'archived' | 'deleted'>;
  /** Looks for the remote record that an earlier write of unknown outcome may have left; pages like `listPage`. */
  readonly findRemote: (hint: RemoteHint) => Promise<RemoteSearch>;
  /** Does the same for many records. Absent where the provider tells one a call. */
  readonly findMany?: BulkSearch;
  /** Absent where the provider takes one record a call. */
  readonly batch?: BatchWriter;
}

/** Looks for the remote records that earlier writes of unknown outcome may have left, by few calls. */
export interface BulkSearch {
  /** Most records that one search takes. */
  readonly size: number;
  /**
   * By the id of the record: what was found, or null where nothing was. A record that is absent is in doubt, such as one whose
   * remote record was archived, and is looked for alone.
   */
  readonly find: (hints: readonly BulkHint[]) => Promise<ReadonlyMap<string, ProviderRecord | null>>;
}

export type BulkHint = Omit<RemoteHint, 'email' | 'after' | 'excluded'>;

/**
 * Writes many records by few calls. Each call answers an outcome for every record, in the order in which they were given;
 * a failure of one record is its outcome, and a failure that refuses the whole call is thrown: then nothing was written.
 */
export interface BatchWriter {
  /** Most records that one call takes. */
  readonly size: number;
  /**
   * `options` has a key for the whole call; it is repeated with the same records only. Each record has a key of its own
   * too, for providers that take those.
   */
  readonly create: (records: readonly BatchedCreation[], options: WriteOptions) => Promise<readonly BatchOutcome[]>;
  /** Repeated with the same records it ends the same, as a single update does. */
  readonly update: (records: readonly BatchedUpdate[], options: WriteOptions) => Promise<readonly BatchOutcome[]>;
}

export interface BatchedCreation extends CreateOptions {
  readonly mapped: MappedRecord;
}

export interface BatchedUpdate extends UpdateOptions {
  readonly externalId: string;
  readonly mapped: MappedRecord;
}

export type BatchOutcome = WrittenRecord | ProviderError;

export interface RemoteHint {
  readonly recordId: string;
  readonly email: string | null;
  /** The record as it is now, for a provider whose objects have unique names and no place for an id of ours. */
  readonly fields: RecordFields;
  /** The provider's ids of the records that it names, as a mapping gets them. */
  readonly refs?: RecordRefs | undefined;
  readonly listRefs?: ListReferences | undefined;
  readonly timeZone?: string | undefined;
  readonly createdSinceEpochS: number;
  /** When the write was sent at the latest: a search that lags may not show it yet. Absent where nobody knows. */
  readonly sentAtMs?: number;
  /** The provider's ids of objects that carry the record's id and are other records' remote records: they were copied with their metadata. */
  readonly excluded?: readonly string[];
  readonly after: Cursor | null;
}

export interface RemoteSearch {
  readonly found: ProviderRecord | null;
  /** Set while there is more to look through. */
  readonly after: Cursor | null;
}

export interface ReportRequest extends ReportDays {
  /** Id of a report that the capabilities name. */
  readonly report: string;
}

export interface ProviderSession {
  /** Asks the provider whose credential this is: the live test of a key. */
  account(): Promise<ProviderAccount>;
  /** When the newest change that the provider's change feed tells of was made, by the provider's clock; null when it tells of none. One HTTP call. */
  newestChangeEpochS(): Promise<number | null>;
  resource(resource: Resource): ResourceSession;
  /** Present where the definition of the provider's webhooks has a `feedReachMs`. */
  readonly eventFeed?: EventFeed;
  /** Reads a report, with as few HTTP calls as it can be told in. Absent where the capabilities name none. */
  readonly report?: ((request: ReportRequest) => Promise<ProviderReport>) | undefined;
  /** Present where the definition of the provider's webhooks says that it `registers`. */
  readonly webhooks?: WebhookRegistrar;
}

/** Registers the address of a connection's own through the provider's API. */
export interface WebhookRegistrar {
  /** Registers the address, or finds it registered; answers the provider's id of it. Throws ProviderError. */
  register(url: Secret): Promise<string>;
  /** The address behind what `register` has answered; null where it is gone. Throws ProviderError. */
  addressOf(id: string): Promise<Secret | null>;
  /** What `register` has answered, or would have, for the first registered address that `isIt`. Throws ProviderError. */
  find(isIt: (url: Secret) => boolean): Promise<string | null>;
  /** Removes what `register` has answered, also when it is gone already. Throws ProviderError. */
  remove(id: string): Promise<void>;
}

/** The provider's own list of the events that it sends. */
export interface EventFeed {
  /** One HTTP call. Brings events of every type that has a meaning (`WebhookDefinition.events`), in any order. */
  listPage(query: EventFeedQuery): Promise<EventFeedPage>;
  /** Whether a page was refused because `after` names what the provider no longer lists. */
  isCursorGone(details: ProviderErrorDetails): boolean;
}

export interface EventFeedQuery extends Pick<ListQuery, 'toEpochS'> {
  /** Creation times in [fromEpochS, toEpochS). */
  readonly fromEpochS: number;
  /** As the page before left it; null for the first page. */
  readonly after: Cursor | null;
}

export interface EventFeedPage {
  readonly events: readonly {
    /** As `identify` of the provider's webhooks tells it of a delivery. */
    readonly id: string;
    readonly type: string;
    /** The event in the shape of a delivery, so that `changesIn` reads both alike. */
    readonly body: Readonly<Record<string, unknown>>;
  }[];
  /** Null when the list has ended. */
  readonly after: Cursor | null;
}

/** A record as a mapping takes it. */
export interface MappableRecord {
  readonly id: string;
  readonly sourceId: string;
  readonly fields: RecordFields;
  /**
   * The provider's ids of other records that it names, by the names that its kind gives them; null where the provider has none yet. A mapping
   * that needs one reports a problem until it is there: every run tries a rejected record again. Otherwise the next full run writes it again.
   */
  readonly refs?: RecordRefs | undefined;
  /** The same inside lists: an element that names a record and has null here names one that the provider does not have yet. */
  readonly listRefs?: ListReferences | undefined;
  /** When the record was first written to the provider, or found there. Absent for one that it does not have yet. */
  readonly linkedAt?: Date | undefined;
  /** The venue's at that time, for a provider that knows days and no times; UTC where it is absent. */
  readonly timeZone?: string | undefined;
}

/** What a provider makes of idempotency keys. */
export interface Idempotency {
  /** How long it knows a key at the least, from the first call with it. */
  readonly keyLifeMs: number;
}

/**
 * What says that an object and a record are the same although no write has tied them, where the provider has no two such
 * objects: two-way runs tie by it what both sides hold already, as a push does what it meets.
 */
export interface RecordIdentity {
  /**
   * The record's fields that it is made of. By the first, which its kind is `lookedUpBy`, records are looked up without
   * regard to case.
   */
  readonly fields: readonly [string, ...string[]];
  /** Pure: equal for payloads of the same; null for one that says too little. */
  readonly of: (payload: MappedRecord['payload']) => string | null;
}

export interface ResourceMapping {
  /** Absent where the provider takes no keys: whatever an unanswered write has left is then looked up by our own reference. */
  readonly idempotency?: Idempotency;
  /** A write leaves as it is what its payload does not have. Without it no field can be left out of what is pushed. */
  readonly leavesAbsent?: true;
  /**
   * Fields that the provider does not hold whole. A pull leaves as it is in a stored record what the provider does not
   * hold of it. Absent: it holds every field.
   */
  readonly holdings?: Holdings;
  /**
   * How an update spares what somebody else changes between a run's reading and its writing. `versions`: the writer
   * honours `expectedVersion`. `parts`: the payload of an update is cut to what changes, since the provider knows no
   * versions. Absent: the provider itself orders changes by their time, or nothing spares them.
   */
  readonly concurrency?: 'versions' | 'parts';
  /** With `parts`: what of the payload every update needs. */
  readonly alwaysSent?: readonly string[];
  /** The zone in which a venue's record was first written, where the mapping is used for a venue. */
  readonly timeZoneOf?: (linkedAt: Date | undefined) => string;
  /** Pure: canonical fields → provider payload. */
  readonly toPayload: (record: MappableRecord) => MappedRecord;
  /**
   * Pure: the provider's id of what a payload is written to, where its content names that, such as the count of a product
   * at a place. Two records that name one are told apart before either is written.
   */
  readonly remoteIdOf?: (payload: MappedRecord['payload']) => string | null;
  /** Absent where two objects may say the same, or where what they say ties none. */
  readonly identity?: RecordIdentity;
  /** Pure: HTTP calls that writing the payload takes, to a remote record in this state or, for null, to a new one. */
  readonly callsToWrite: (
    mapped: MappedRecord,
    remote: { readonly externalState: ExternalState | null } | null,
  ) => number;
}

/** Makes one HTTP call through the pipeline: budget → timeout → call → classify → count. */
export type Call = <T>(request: (heard?: Heard) => Promise<T>, about?: CallClasses) => Promise<T>;
/** The classes that a call belongs to, of those whose limits the provider declares. */
export interface CallClasses {
  readonly callClasses: readonly string[];
}
/** Takes an answer's headers, whatever its status: they may tell how much a limit has left. */
export type Heard = (headers: Headers) => void;

export interface SessionOptions {
  readonly secretKey: Secret;
  /** Set where the key is the platform's own and acts for this account. */
  readonly onBehalfOf?: string | undefined;
  /** Of entered credentials with several fields all of them, by name. */
  readonly fields?: CredentialValues | undefined;
  /**
   * Ids of the accounts that are chosen of those that the grant opens (`oauth2({ accounts })`); null or absent: all. One of them may have gone
   * at the provider since: it then has nothing, which is no error.
   */
  readonly accounts?: readonly string[] | null | undefined;
  /** Every HTTP call of the session is made through it. */
  readonly call: Call;
  /** Cancels every call of the session: the activity is asked to stop, or has run out of time. */
  readonly signal?: AbortSignal | undefined;
}

/** What one provider can do, in our words. */
export interface ProviderAdapter {
  readonly id: ProviderId;
  readonly capabilities: ProviderCapabilities;
  open(options: SessionOptions): ProviderSession;
  /** Throws for a resource that the capabilities do not name. */
  mapping(resource: Resource): ResourceMapping;
  /** Throws for a resource that the capabilities do not name. */
  pullPlan(resource: Resource): PullPlan;
  /** What an answer's headers tell of limits; absent where the provider tells nothing. */
  readonly limitsIn?: (headers: Headers) => readonly LimitReading[];
}

/** What a provider's folder gives of an adapter; its definition tells the rest. */
export type ProviderAdapterParts = Omit<ProviderAdapter, 'id' | 'capabilities'>;
