import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { Limit } from '../../telemetry/metrics.ts';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type {
  ConflictId,
  ConnectionId,
  DeadLetterId,
  DiscrepancyId,
  JobId,
  MessageId,
  ReconciliationId,
  SubscriptionId,
  SyncId,
  VenueId,
  WebhookEventId,
} from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { BatchBody } from './body.ts';
import type { KeyClaim } from './key-claim.ts';
import type { Caller, Role } from '../auth/caller.ts';
import type { FieldError } from '../errors/api-error.ts';
import type { NotFoundCode } from '../errors/not-found.ts';
import { invalidRequest } from './parse.ts';
import type { Parsed, Sent } from './parse.ts';
import type { ProblemCode } from '../errors/problems.ts';
import type { Effort } from '../auth/rate-limits.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** The ids in a path, besides those of records. An id that is not a UUID counts as not found. */
interface PathIds {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly syncId: SyncId;
  readonly jobId: JobId;
  readonly eventId: WebhookEventId;
  readonly reconciliationId: ReconciliationId;
  readonly discrepancyId: DiscrepancyId;
  readonly conflictId: ConflictId;
  readonly deadLetterId: DeadLetterId;
  readonly subscriptionId: SubscriptionId;
  readonly messageId: MessageId;
  readonly provider: ProviderId;
  /** Of any provider. */
  readonly report: string;
  /** Of a schedule or a mapping. */
  readonly resource: Resource;
}

export const NOT_FOUND = {
  venueId: 'venue-not-found',
  connectionId: 'connection-not-found',
  syncId: 'sync-not-found',
  jobId: 'job-not-found',
  eventId: 'event-not-found',
  reconciliationId: 'reconciliation-not-found',
  discrepancyId: 'discrepancy-not-found',
  conflictId: 'conflict-not-found',
  deadLetterId: 'dead-letter-not-found',
  subscriptionId: 'subscription-not-found',
  messageId: 'delivery-not-found',
  provider: 'provider-not-found',
  report: 'report-not-found',
  resource: 'schedule-not-found',
} as const satisfies Record<keyof PathIds, NotFoundCode>;

/** The path parameters that are words of ours instead of UUIDs. */
type PathWords = Readonly<Partial<Record<keyof PathIds, readonly string[]>>>;

type NotFoundCodes = Readonly<Partial<Record<keyof PathIds, NotFoundCode>>>;

type IdNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | IdNames<Rest> : never;
export type IdsOf<Path extends string> = { readonly [Name in IdNames<Path> & keyof PathIds]: PathIds[Name] };

/** A validated request, as a handler gets it. */
export interface Call<Ids, Query, Body> {
  readonly ids: Ids;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  readonly requestId: string;
  /**
   * Digest of a request with an Idempotency-Key, equal for every repeat. What the request creates is marked with it.
   * Null without a key.
   */
  readonly requestKey: string | null;
  /** The claim of the Idempotency-Key, where the work may make it together with its first write. */
  readonly claim: KeyClaim | null;
  /** The path without its query. */
  readonly path: string;
}

/** The body of an answer that is JSON text already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON, unless it is a JsonText. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The limit that made the answer smaller than requested. */
  readonly limit?: Limit | null;
  /** The audit row of what was done, where no transaction of a store writes it. It is written before the answer is sent. */
  readonly audit?: AuditEntry | null;
}

export interface Exchange {
  readonly req: Request;
  readonly res: Response;
}

interface DescribedAnswer {
  readonly description: string;
  readonly schema: z.ZodType;
  /** Value of the `Location` header, if there is one. */
  readonly location?: string;
}

interface Described {
  /** Operation id in the OpenAPI document. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag:
    | 'Venues'
    | 'Records'
    | 'Connections'
    | 'Events'
    | 'Dead letters'
    | 'Subscriptions'
    | 'Syncs'
    | 'Reconciliations'
    | 'Integrations'
    | 'Schedules'
    | 'Mappings'
    | 'Audit'
    | 'Administration';
  /** The lowest role that may call it. */
  readonly role: Role;
  /** Problems beyond those of every operation of its kind. */
  readonly problems?: readonly ProblemCode[];
  /** For an operation on one record: its kind, whose name the path's id parameter has. */
  readonly recordKind?: RecordKind;
  readonly pathWords?: PathWords;
  /** The 404 of a path parameter, where it differs from `NOT_FOUND`. */
  readonly notFound?: NotFoundCodes;
  readonly answers: Readonly<Record<number, DescribedAnswer>>;
}

interface Spec<Path extends string, Query, Body> extends Described {
  readonly method: Method;
  /** In OpenAPI notation: `/v1/venues/{venueId}`. */
  readonly path: Path;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  /** Validates the body instead of `body` alone, when the stored object matters too. */
  readonly checkBody?: (ids: IdsOf<Path>, input: unknown) => Promise<Parsed<Body>>;
  /**
   * What is wrong by more than the schemas, such as a stored row. They look at the body, or at the query where there is
   * none, and leave out what is wrong in itself. An answer names what is wrong by a schema and by a rule at once; a
   * request that is right by its schemas is looked at once its stored answer was asked for, because a repeat gets that
   * whatever has changed.
   */
  readonly rules?: (ids: IdsOf<Path>, sent: Sent) => readonly FieldError[] | Promise<readonly FieldError[]>;
  /** Replaces `body` in the OpenAPI document when that shows less than it checks. */
  readonly bodyShown?: z.ZodType;
  /** A request without a body counts as one with `{}`. */
  readonly bodyOptional?: boolean;
  /** Accepts `Idempotency-Key`, because it creates or starts something. */
  readonly idempotent?: boolean;
  /** Needs a token for all venues, which is checked before a stored answer is returned. */
  readonly allVenues?: boolean;
  /** Counts against what the path's venue may start. */
  readonly effort?: Effort;
  /** Also for a venue that is being closed, although it is no read. */
  readonly whileClosing?: boolean;
  readonly handle: (call: Call<IdsOf<Path>, Query, Body>) => Promise<Answer>;
}

interface BatchSpec<Path extends string, Query> extends Described {
  readonly method: 'post';
  readonly path: Path;
  readonly query: z.ZodType<Query>;
  /** Schemas for the reference: the JSON envelope, and one line of NDJSON. */
  readonly batch: { readonly json: z.ZodType; readonly line: z.ZodType };
  readonly handle: (call: Call<IdsOf<Path>, Query, BatchBody>) => Promise<Answer>;
}

interface StreamSpec<Path extends string> extends Described {
  readonly method: 'get';
  readonly path: Path;
  /** Sends its answer itself, over time. */
  readonly stream: (call: Call<IdsOf<Path>, unknown, unknown>, exchange: Exchange) => Promise<void>;
}

export type AnyIds = Readonly<Partial<PathIds>>;
export type AnyCall = Call<AnyIds, unknown, unknown>;

interface Common extends Omit<Described, 'recordKind' | 'pathWords' | 'notFound'> {
  readonly recordKind: RecordKind | null;
  readonly pathWords: PathWords;
  readonly notFound: Readonly<Record<keyof PathIds, NotFoundCode>>;
  readonly method: Method;
  readonly path: string;
  readonly query: z.ZodType;
  readonly body: z.ZodType | null;
  readonly checkBody: CheckBody | null;
  readonly rules: FindBroken | null;
  readonly bodyShown: z.ZodType | null;
  readonly bodyOptional: boolean;
  readonly batch: { readonly json: z.ZodType; readonly line: z.ZodType } | null;
  readonly idempotent: boolean;
  readonly effort: Effort | null;
  readonly whileClosing: boolean;
  readonly allVenues: boolean;
}

/** One operation, which routing, the OpenAPI document and tests use. It answers once, or streams. */
export type Endpoint =
  | (Common & { readonly stream: null; readonly handle: (call: AnyCall) => Promise<Answer> })
  | (Common & { readonly stream: (call: AnyCall, exchange: Exchange) => Promise<void> });

type CheckBody = (ids: AnyIds, input: unknown) => Promise<Parsed<unknown>>;
type FindBroken = (ids: AnyIds, sent: Sent) => readonly FieldError[] | Promise<readonly FieldError[]>;
type Handle = (call: AnyCall) => Promise<Answer>;
type Stream = (call: AnyCall, exchange: Exchange) => Promise<void>;

const NO_QUERY = z.strictObject({});

const namesOf = ({ recordKind, pathWords, notFound }: Described) => ({
  recordKind: recordKind ?? null,
  pathWords: pathWords ?? {},
  notFound: { ...NOT_FOUND, ...notFound },
});

const admissionOf = ({
  idempotent = false,
  effort = null,
  whileClosing = false,
  allVenues = false,
}: Partial<Pick<Common, 'idempotent' | 'effort' | 'whileClosing' | 'allVenues'>>) => ({
  idempotent,
  effort,
  whileClosing,
  allVenues,
});

// The three functions below drop types that the runner restores at run time, by parsing with the schemas that the types
// came from.

export function endpoint<const Path extends string, Query, Body>(spec: Spec<Path, Query, Body>): Endpoint {
  const rules = (spec.rules as FindBroken | undefined) ?? null;
  return {
    ...spec,
    ...namesOf(spec),
    query: spec.query ?? NO_QUERY,
    body: spec.body ?? null,
    checkBody: (spec.checkBody as CheckBody | undefined) ?? null,
    rules,
    bodyShown: spec.bodyShown ?? spec.body ?? null,
    bodyOptional: spec.bodyOptional ?? false,
    batch: null,
    ...admissionOf(spec),
    stream: null,
    handle: rules === null ? (spec.handle as Handle) : afterRules(rules, spec),
  };
}

const afterRules =
  <Path extends string, Query, Body>(rules: FindBroken, { body, handle }: Spec<Path, Query, Body>): Handle =>
  async (call) => {
    const broken = await rules(call.ids, (body ? call.body : call.query) as Sent);
    if (broken.length > 0) throw invalidRequest(broken);
    return (handle as Handle)(call);
  };

export function batchEndpoint<const Path extends string, Query>(spec: BatchSpec<Path, Query>): Endpoint {
  return {
    ...spec,
    ...namesOf(spec),
    body: null,
    checkBody: null,
    rules: null,
    bodyShown: null,
    bodyOptional: false,
    idempotent: true,
    effort: null,
    whileClosing: false,
    allVenues: false,
    stream: null,
    handle: spec.handle as Handle,
  };
}

export function streamEndpoint<const Path extends string>(spec: StreamSpec<Path>): Endpoint {
  return {
    ...spec,
    ...namesOf(spec),
    query: NO_QUERY,
    body: null,
    checkBody: null,
    rules: null,
    bodyShown: null,
    bodyOptional: false,
    batch: null,
    idempotent: false,
    effort: null,
    whileClosing: false,
    allVenues: false,
    stream: spec.stream as Stream,
  };
}

/** Whether the operation changes or starts something of the venue in its path: one that is being closed refuses it. */
export const needsOpenVenue = ({ method, path, effort, whileClosing }: Endpoint): boolean =>
  path.includes('{venueId}') && (method !== 'get' || effort !== null) && !whileClosing;
