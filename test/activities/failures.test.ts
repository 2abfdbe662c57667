import { inspect } from 'node:util';
import { ApplicationFailure, DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describe as describeError, finalAfter, toFailure } from '../../activities/failures.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { SupersededError } from '../../db/runs/run-scope.ts';
import { PROVIDER_ERROR_KINDS, ProviderError } from '../../providers/provider-error.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';

const SECRET = 'ada@private.example';

function failureOf(error: unknown, progressed = false): ApplicationFailure {
  const failure = toFailure(error, progressed);
  if (!(failure instanceof ApplicationFailure)) throw new Error('not an ApplicationFailure');
  return failure;
}

/** Everything that Temporal would write into the history. */
const stored = (failure: ApplicationFailure) =>
  JSON.stringify(new DefaultFailureConverter().errorToFailure(failure, defaultPayloadConverter)) +
  inspect(failure, { depth: 10, showHidden: true });

describe('the conversion of an error to a workflow failure', () => {
  const TABLE = {
    'needs-reauth': [FAILURE.needsReauth, true],
    'rate-limited': [FAILURE.rateLimited, false],
    'quota-exhausted': [FAILURE.quotaExhausted, false],
    conflict: [FAILURE.conflict, false],
    rejected: [FAILURE.rejected, true],
    unavailable: [FAILURE.unavailable, false],
    'unexpected-response': [FAILURE.unexpectedResponse, false],
  } as const;

  it.each(PROVIDER_ERROR_KINDS)('maps a provider’s %s to its type and to whether a retry can help', (kind) => {
    const [type, nonRetryable] = TABLE[kind];
    const failure = failureOf(
      new ProviderError({
        provider: 'stripe',
        kind,
        httpStatus: 499,
        code: 'a_code',
        requestId: 'req_1',
        field: 'email',
      }),
    );
    expect(failure).toMatchObject({
      type,
      nonRetryable,
      details: [{ httpStatus: 499, code: 'a_code', requestId: 'req_1' }],
    });
    expect(failure.nextRetryDelay).toBeUndefined();
  });

  it('waits as long as the provider asks, briefly after progress, and otherwise the given pause', () => {
    const unavailable = (retryAfterMs?: number) =>
      new ProviderError({ provider: 'stripe', kind: 'unavailable', retryAfterMs });
    expect(failureOf(unavailable(7_000), true).nextRetryDelay).toBe(7_000);
    expect(failureOf(unavailable(), true).nextRetryDelay).toBe(1_000);
    expect(failureOf(unavailable(), false).nextRetryDelay).toBeUndefined();
    const known = [unavailable(), new Error('a mistake of ours'), new VaultError('key-service-unavailable')];
    for (const error of known)
      expect((toFailure(error, false, 30_000) as ApplicationFailure).nextRetryDelay).toBe(30_000);
    expect((toFailure(unavailable(7_000), false, 30_000) as ApplicationFailure).nextRetryDelay).toBe(7_000);
  });

  it('waits seconds while the database is down, at any attempt', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const starting = Object.assign(new Error('starting up'), { code: '57P03' });
    for (const cause of [refused, starting])
      expect(failureOf(new DrizzleQueryError('select', [], cause)).nextRetryDelay).toBe(3_000);
    // Connections to other services, such as a provider or the key service.
    expect(failureOf(new Error('fetch failed', { cause: refused })).nextRetryDelay).toBeUndefined();
    expect(failureOf(new Error('a mistake of ours')).nextRetryDelay).toBeUndefined();
    expect(failureOf(new Error('a mistake of ours'), true).nextRetryDelay).toBe(1_000);
  });

  it('logs no warning when a provider only asks for a pause', () => {
    expect(failureOf(new ProviderError({ provider: 'stripe', kind: 'rate-limited' })).category).toBe('BENIGN');
    expect(failureOf(new ProviderError({ provider: 'stripe', kind: 'unavailable' })).category).not.toBe('BENIGN');
  });

  it('passes its own failures on unchanged', () => {
    const own = ApplicationFailure.nonRetryable('gone', FAILURE.connectionGone);
    expect(toFailure(own, true)).toBe(own);
  });

  it('never retries for a superseded attempt or unreadable credentials, and retries while the key service is down', () => {
    expect(failureOf(new SupersededError())).toMatchObject({ type: FAILURE.superseded, nonRetryable: true });
    expect(failureOf(new VaultError('cannot-open'))).toMatchObject({
      type: FAILURE.credentialsUnreadable,
      nonRetryable: true,
    });
    expect(failureOf(new VaultError('key-service-unavailable', 'ECONNREFUSED'))).toMatchObject({
      type: FAILURE.keyServiceUnavailable,
      nonRetryable: false,
    });
  });

  describe('of an unexpected error', () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await createTestDatabase();
    });
    afterAll(() => database.drop());

    it('quotes neither statement nor parameters of a database error', async () => {
      const error: unknown = await database.db
        .execute(sql`insert into venues (id, name) values (${SECRET}::uuid, ${SECRET})`)
        .catch((cause: unknown) => cause);
      expect(inspect(error)).toContain(SECRET);
      const failure = failureOf(error);
      expect(failure).toMatchObject({
        type: 'Internal',
        nonRetryable: false,
        message: expect.stringMatching(/22P02/) as string,
      });
      expect(failure.cause).toBeUndefined();
      expect(stored(failure)).not.toContain(SECRET);
      expect(stored(failure)).not.toContain('insert into');
    });

    it.each([
      ['an error with a cause', () => new TypeError(SECRET, { cause: new Error(`about ${SECRET}`) })],
      [
        'an error over several lines, one of which looks like a frame',
        () => new Error(`first\n    at ${SECRET}\nKey (email)=(${SECRET})`),
      ],
      ['an error with details', () => Object.assign(new Error('no'), { detail: SECRET, body: { email: SECRET } })],
      ['a text', () => SECRET],
      ['an object', () => ({ email: SECRET })],
      ['a list of errors', () => new AggregateError([new Error(SECRET)], SECRET)],
      ['an error whose code is free text', () => Object.assign(new Error('no'), { code: `for ${SECRET}` })],
      ['nothing', () => undefined],
    ])('reveals nothing of %s', (_what, make) => {
      const failure = failureOf(make());
      expect(failure.type).toBe('Internal');
      expect(stored(failure)).not.toContain(SECRET);
    });

    it('keeps what is needed to find it: class, code, those of its cause, and where it was thrown', () => {
      const error = Object.assign(
        new RangeError('x', { cause: Object.assign(new Error('y'), { code: 'ECONNREFUSED' }) }),
        { code: 'E_OUTER' },
      );
      expect(describeError(error)).toBe('RangeError E_OUTER (Error ECONNREFUSED)');
      expect(failureOf(error).stack).toMatch(/^\s+at .*failures\.test\.ts/);
      expect(describeError('text')).toBe('string');
    });

    it('does not follow causes for ever', () => {
      const error = new Error('a');
      error.cause = error;
      expect(failureOf(error).type).toBe('Internal');
    });
  });
});

describe('an activity with at most three attempts', () => {
  const failed = ApplicationFailure.create({
    type: 'ProviderUnavailable',
    message: 'm',
    details: ['d'],
    nextRetryDelay: 7,
  });
  const failureOf = (attempt: number) =>
    new MockActivityEnvironment({ attempt }).run(() => Promise.resolve(finalAfter(3, failed)));

  it.each([1, 2])('may be retried after attempt %i', async (attempt) => {
    expect(await failureOf(attempt)).toBe(failed);
  });

  it.each([3, 9])('ends with the unchanged failure of attempt %i', async (attempt) => {
    expect(await failureOf(attempt)).toMatchObject({
      nonRetryable: true,
      type: 'ProviderUnavailable',
      message: 'm',
      details: ['d'],
      nextRetryDelay: 7,
    });
  });
});
