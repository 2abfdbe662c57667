import type { RecordKinds } from '../../records/registry.ts';
import { AUTHORIZATION_PROBLEMS } from '../connections/authorization-problems.ts';
import { recordNotFoundCode, recordNotFoundProblem } from './record-problems.ts';
import { REPEAT_LATER, SERVICE_PROBLEMS } from './service-problems.ts';
import type { Problem } from './service-problems.ts';
import { DEAD_LETTER_PROBLEMS } from '../dead-letters/dead-letter-problems.ts';
import { RECONCILIATION_PROBLEMS } from '../reconciliation/reconciliation-problems.ts';
import { REPORT_PROBLEMS } from '../reports/report-problems.ts';
import { SUBSCRIPTION_PROBLEMS } from '../subscriptions/subscription-problems.ts';
import { SYNC_PROBLEMS } from '../syncs/sync-problems.ts';
import { WEBHOOK_PROBLEMS } from '../webhooks/webhook-problems.ts';

/**
 * The API's problem codes, besides those of records. Codes are promised to clients: docs/errors.md prints this table,
 * and a test compares the two.
 */
export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    meaning:
      'One or more fields, query parameters or headers are missing, wrong or unknown. `errors` lists them, up to 1,000 and 64 KB; `errorsOmitted` says how many there are besides.',
    remedy: 'Correct what `errors` names and send the request again.',
  },
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON',
    meaning: 'The body could not be read as JSON. `detail` says where the reader stopped.',
    remedy: 'Send one complete JSON value.',
  },
  'invalid-encoding': {
    status: 400,
    title: 'The body is not UTF-8',
    meaning: 'The body holds bytes that are not valid UTF-8, or could not be decompressed.',
    remedy: 'Encode the body as UTF-8.',
  },
  'too-deeply-nested': {
    status: 400,
    title: 'The body is nested too deeply',
    meaning: 'Objects and arrays in the body are nested deeper than 32 levels.',
    remedy: 'Flatten the body. No field of this API nests deeper than 5 levels.',
  },
  'too-many-values': {
    status: 400,
    title: 'The body holds too many values',
    meaning: 'One JSON text, or one record of a batch, holds more than 100,000 values, or 1,000 members in one object.',
    remedy: 'Send fewer. No record of this API holds as many.',
  },
  'invalid-cursor': {
    status: 400,
    title: 'The cursor does not belong here',
    meaning: '`cursor` was altered, or comes from another list or from the same list with other filters.',
    remedy: 'Use `nextCursor` as it was given, on the same path with the same filters, or start without a cursor.',
  },
  'malformed-request': {
    status: 400,
    title: 'The request is not HTTP',
    meaning: 'The request line, a header or the path could not be read.',
    remedy: 'Check the client or the proxy in front of it.',
  },
  'not-authenticated': {
    status: 401,
    title: 'No valid token',
    meaning:
      'The `Authorization` header is missing, or its token is malformed, expired, good for longer than `JWT_MAX_LIFE_SECONDS`, signed by someone else, or lacks a claim.',
    remedy: 'Send `Authorization: Bearer <JWT>` with `sub`, `role`, `venues` and `exp`.',
  },
  forbidden: {
    status: 403,
    title: 'The token may not do this',
    meaning: 'The role in the token is too low for the operation, or the operation needs a token for all venues.',
    remedy: 'Use a token with the role that `detail` names.',
  },
  'not-found': {
    status: 404,
    title: 'No such path',
    meaning: 'The API has nothing at this path.',
    remedy: 'Compare the path with the reference at `/docs`.',
  },
  'venue-not-found': {
    status: 404,
    title: 'No such venue',
    meaning: 'There is no such venue, or the token does not reach it.',
    remedy: 'Check the id, and the `venues` claim of the token.',
  },
  'venue-closing': {
    status: 409,
    title: 'The venue is being closed',
    meaning:
      'Its administrator has had the venue closed: what it has is being ended and erased. It can be read until then, and takes no more changes.',
    remedy: 'Stop sending for this venue. A closing cannot be taken back; create another venue where one is needed.',
  },
  'connection-not-found': {
    status: 404,
    title: 'No such connection',
    meaning: 'The venue has no connection with this id.',
    remedy: 'List the connections of the venue.',
  },
  'sync-not-found': {
    status: 404,
    title: 'No such sync run',
    meaning: 'The venue has no sync run with this id.',
    remedy: 'List the sync runs of the venue.',
  },
  'schedule-not-found': {
    status: 404,
    title: 'No such schedule',
    meaning: 'The connection has no schedule for this resource, or there is no such resource.',
    remedy: 'List the schedules of the connection, or make this one with PUT.',
  },
  'mapping-not-found': {
    status: 404,
    title: 'No such mapping',
    meaning: 'There is no such resource, or its mapping has no such version.',
    remedy: 'Name a kind of record, and one of the versions that `…/mappings/{resource}/versions` lists.',
  },
  'reach-not-found': {
    status: 404,
    title: 'No such resource',
    meaning: 'There is no kind of record of this name.',
    remedy: 'Choose a resource that `GET /v1/integrations/{provider}` lists.',
  },
  'job-not-found': {
    status: 404,
    title: 'No such job',
    meaning: 'No administrator has started a job with this id.',
    remedy: 'Use the id that the start of the job answered with.',
  },
  'provider-not-found': {
    status: 404,
    title: 'No such provider',
    meaning: 'This service knows no provider of this name.',
    remedy: 'List the integrations.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The path does not take this method',
    meaning: 'The path exists, but not for this method. `Allow` lists those that it takes.',
    remedy: 'Use one of the methods in `Allow`.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive',
    meaning: 'The head of the request did not arrive in time, or its body came to less than 4 KB a second.',
    remedy: 'Send the request again; split a large load into several.',
  },
  'source-id-taken': {
    status: 409,
    title: 'The source id is in use',
    meaning: 'Another venue has this `sourceId`.',
    remedy: 'Use the venue that has it, or choose another `sourceId`.',
  },
  'connection-not-active': {
    status: 409,
    title: 'The connection is not active',
    meaning:
      'A sync can only be started or retried, and a schedule made, on a connection that can be used. `detail` names the state and what to do.',
    remedy: 'Read the connection: `cause` and `nextAction` say what to do.',
  },
  'connection-limit-reached': {
    status: 409,
    title: 'The venue has as many connections as it may have',
    meaning:
      'One more would be more than `MAX_CONNECTIONS_PER_VENUE`. Disconnected connections do not count; attempts to connect do while they are open.',
    remedy: 'Disconnect one that is not needed, or have the limit raised (docs/operations/limits.md).',
  },
  'schedule-limit-reached': {
    status: 409,
    title: 'The venue has as many schedules as it may have',
    meaning: 'One more would be more than `MAX_SCHEDULES_PER_VENUE`, over all connections of the venue.',
    remedy: 'Delete one that is not needed, or have the limit raised (docs/operations/limits.md).',
  },
  ...AUTHORIZATION_PROBLEMS,
  ...WEBHOOK_PROBLEMS,
  ...DEAD_LETTER_PROBLEMS,
  ...SYNC_PROBLEMS,
  ...RECONCILIATION_PROBLEMS,
  ...REPORT_PROBLEMS,
  ...SUBSCRIPTION_PROBLEMS,
  'idempotency-in-flight': {
    status: 409,
    title: 'The first request with this key is still at work',
    meaning:
      'Another request with the same `Idempotency-Key` has not been answered yet, and waiting for it took too long.',
    remedy: REPEAT_LATER,
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    meaning:
      'The body is larger than this path takes: 256 MB for a batch of records, after decompression, with 4 KB and 16 MB of white space around `records`; 1 MB elsewhere. Or a compressed body became more than 100 times larger.',
    remedy: 'Send less at once.',
  },
  'batch-too-large': {
    status: 413,
    title: 'Too many records in one request',
    meaning:
      'More than 200,000 records, or more than a million lines, in one load. `detail` says how many records were kept; of an atomic load none is.',
    remedy: 'Split the load. Records that were kept are found unchanged when they are sent again.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is of another type',
    meaning: 'The path does not take this `Content-Type` or `Content-Encoding`.',
    remedy: 'Send `application/json` in UTF-8, or `application/x-ndjson` where the reference lists it.',
  },
  'batch-refused': {
    status: 422,
    title: 'The batch was refused as a whole',
    meaning:
      '`atomic=true` was asked for and at least one record is bad. Nothing was written. `errors` lists what is wrong, by position, up to 64 KB.',
    remedy: 'Correct the records, or send them without `atomic`.',
  },
  'sum-out-of-range': {
    status: 422,
    title: 'A sum is too large',
    meaning:
      'A sum of amounts is larger than 9,007,199,254,740,991 minor units, the largest whole number that every JSON reader keeps exact.',
    remedy: 'Ask for fewer days, or for one kind, currency or connection.',
  },
  'summary-too-large': {
    status: 422,
    title: 'There are too many sums',
    meaning: 'The transactions asked for make more than 20,000 sums of one day, kind, currency and connection.',
    remedy: 'Ask for fewer days, or for one kind, currency or connection.',
  },
  'credentials-refused': {
    status: 422,
    title: 'The provider refused the credentials',
    meaning: 'The provider does not know the key, or has revoked it. Nothing was stored.',
    remedy: 'Copy the key from the provider’s dashboard again.',
  },
  'credentials-insufficient': {
    status: 422,
    title: 'The access does not cover enough',
    meaning:
      'The key is restricted, or its owner has not approved everything: it may not read what a sync needs. Nothing was stored.',
    remedy:
      'Give the key the missing permissions, or use an unrestricted one; or connect again and approve all that is asked for.',
  },
  'environment-mismatch': {
    status: 422,
    title: 'The account is of the other environment',
    meaning:
      'The key, or the account whose owner approved, is of the provider’s other environment: of its test mode for `production`, or a live one for `sandbox`. Nothing was stored.',
    remedy: 'Send the environment that the account belongs to, or the key of that environment.',
  },
  'provider-not-supported': {
    status: 422,
    title: 'The provider cannot be connected yet',
    meaning: 'This service does not speak to the provider yet.',
    remedy: 'Choose another provider.',
  },
  'account-not-granted': {
    status: 422,
    title: 'The grant does not open this account',
    meaning:
      'An id in `chosen` is none of the accounts that the connection’s grant opens at this moment. `errors` names each. Nothing was changed.',
    remedy: 'Choose from what `GET …/connections/{connectionId}/accounts` lists.',
  },
  'resource-not-supported': {
    status: 422,
    title: 'The provider does not have this resource',
    meaning: 'The connection’s provider has no such resource, or this service does not sync it.',
    remedy: 'Choose a resource that `detail` lists.',
  },
  'direction-not-supported': {
    status: 422,
    title: 'The resource does not sync in this direction',
    meaning: 'The provider’s resource cannot be synced in the direction that was asked for.',
    remedy: 'Choose a direction that `detail` lists.',
  },
  'mapping-refused': {
    status: 422,
    title: 'The mapping was refused for a real record',
    meaning:
      'The mapping was tried on one record, and this service or the provider refuses what it makes of it. `detail` names the record, `errors` the fields, with the provider’s code. Nothing was saved.',
    remedy: 'Correct the mapping or the record; `…/mappings/{resource}/preview` shows what becomes of it.',
  },
  'merge-policy-not-supported': {
    status: 422,
    title: 'The policy cannot be decided',
    meaning:
      'The policy `newest` asks for a time that the provider does not tell of this resource: when an object changed, or when it was deleted. `errors` names each such policy. Nothing was saved.',
    remedy: 'Choose `venue`, `provider` or `review`.',
  },
  'scopes-missing': {
    status: 422,
    title: 'The connection lacks permissions for this resource',
    meaning:
      'The owner of the account approved the connection before these permissions were asked for, or granted fewer. `detail` names them; `missingScopes` of the connection lists all that it lacks. Nothing was started.',
    remedy: 'Have the owner approve the connection once more: `POST …/connections/{connectionId}/reauthorize`.',
  },
  'history-not-limitable': {
    status: 422,
    title: 'The history of the resource cannot be limited',
    meaning:
      'The provider does not tell of this resource when a record began, so that nothing can be left out by its age. Nothing was saved.',
    remedy: 'Leave `historyFrom` out, or set it to null.',
  },
  'fields-not-excludable': {
    status: 422,
    title: 'No field of the resource can be left out',
    meaning:
      'The resource is pushed to the provider as a whole, so that a field that is left out would be emptied there.',
    remedy: 'Leave the fields in, or out of the venue’s own records.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'The key was used for another request',
    meaning: 'The `Idempotency-Key` was sent before on this path with another body or other query parameters.',
    remedy: 'Use a new key for a new request.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    meaning:
      'The caller, or all callers of the venue together, made too many requests. `RateLimit` and `RateLimit-Policy` show which limit it was.',
    remedy: 'Wait for the seconds in `Retry-After`.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large',
    meaning: 'The request’s headers are larger than 16 KB together.',
    remedy: 'Send fewer or shorter headers. A token with very many venues is the usual cause.',
  },
  ...SERVICE_PROBLEMS,
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Every problem by its code, including those of records. */
export function problemsOf(kinds: RecordKinds): Readonly<Record<string, Problem>> {
  const before = Object.entries<Problem>(PROBLEMS);
  const records = kinds.all.map((kind) => [recordNotFoundCode(kind), recordNotFoundProblem(kind)] as const);
  const at = before.findIndex(([code]) => code === 'connection-not-found') + 1;
  return Object.fromEntries([...before.slice(0, at), ...records, ...before.slice(at)]);
}

/** The page that explains a code. */
export const PROBLEM_PAGE = '/docs/errors';
