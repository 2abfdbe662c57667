import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { reaches } from '../../../api/auth/caller.ts';
import type { Caller } from '../../../api/auth/caller.ts';
import { createRateLimits } from '../../../api/auth/rate-limits.ts';
import type { Effort } from '../../../api/auth/rate-limits.ts';
import { createErrorHandler } from '../../../api/errors/error-handler.ts';
import { notFound } from '../../../api/errors/not-found.ts';
import { endpoint } from '../../../api/http/endpoint.ts';
import { createRunner } from '../../../api/http/endpoint-runner.ts';
import { mount } from '../../../api/http/mount.ts';
import { requestContext } from '../../../api/http/request-context.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { FairQueue } from '../../../domain/limits/fair-queue.ts';
import type { FairQueueOptions } from '../../../domain/limits/fair-queue.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { WIDE_LIMITS } from '../api-world.ts';

const ATTACKER = '0192f0c1-0000-7000-8000-00000000000a' as VenueId;
const VICTIM = '0192f0c1-0000-7000-8000-00000000000b' as VenueId;

const aCaller = (subject: string): Caller => ({
  subject,
  role: 'admin',
  venues: [subject === 'attacker' ? ATTACKER : VICTIM],
  expiresAt: new Date(8_640_000_000_000_000),
});

/**
 * An API with one operation, which answers as many bytes as it is asked for. A request of the victim's is answered when
 * the test says so; all run on a clock that stands still.
 */
async function anApi({ effort, ...options }: FairQueueOptions & { readonly effort?: Effort } = {}) {
  const requests = new FairQueue({ nowMs: () => 0, ...options });
  const begun: string[] = [];
  const victimBegins = Promise.withResolvers<undefined>();
  const victimMayEnd = Promise.withResolvers<undefined>();
  const things = endpoint({
    name: 'listThings',
    summary: 'List things',
    tag: 'Records',
    method: 'get',
    path: '/v1/venues/{venueId}/things',
    role: 'viewer',
    ...(effort && { effort }),
    query: z.object({ bytes: z.coerce.number().default(0) }),
    answers: { 200: { description: 'Things.', schema: z.string() } },
    handle: async ({ caller: { subject }, query: { bytes } }) => {
      begun.push(subject);
      if (subject === 'victim') {
        victimBegins.resolve(undefined);
        await victimMayEnd.promise;
      }
      return { status: 200, body: 'x'.repeat(bytes) };
    },
  });
  const leaves = Promise.withResolvers<undefined>();
  const app = express().use(requestContext, (_req, res, next) => {
    res.once('close', () => {
      if (!res.writableFinished) leaves.resolve(undefined);
    });
    next();
  });
  const run = createRunner({
    authenticator: { authenticate: (header) => Promise.resolve(aCaller(header ?? '')) },
    limits: createRateLimits(WIDE_LIMITS),
    gate: {
      enter: (caller, venueId) =>
        reaches(caller, venueId) ? Promise.resolve() : Promise.reject(notFound('venue-not-found')),
      requireOpen: () => Promise.resolve(),
      forget: () => undefined,
    },
    idempotency: { run: () => Promise.reject(new Error('no operation here takes a key')) },
    audit: { write: () => Promise.reject(new Error('no operation here has an audit row')) },
    publicUrl: 'https://interlock.test',
    requests,
  });
  mount(app, [things], run);
  app.use(
    createErrorHandler({ log: createLogger({ name: 'test', level: 'silent' }), publicUrl: 'https://interlock.test' }),
  );
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    victimMayEnd.resolve(undefined);
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/venues`;
  const send = (subject: string, venueId: string, bytes = 0, signal?: AbortSignal) =>
    fetch(`${url}/${venueId}/things?bytes=${bytes}`, {
      headers: { authorization: subject },
      ...(signal && { signal }),
    });
  return {
    leaves: leaves.promise,
    requests,
    begun,
    send,
    victimBegins: victimBegins.promise,
    endVictim: () => {
      victimMayEnd.resolve(undefined);
    },
  };
}

/** Its bytes cost more than a venue's share of a second. */
const LARGE_ANSWER = 20 * 1_048_576;

const untilWaiting = (queue: FairQueue, count: number) => expect.poll(() => queue.waiting).toBe(count);

describe('a request of a venue that has used more than its share', () => {
  it('starts after the requests of a venue that has used less', async () => {
    const { requests, begun, send, victimBegins, endVictim } = await anApi();
    await (await send('attacker', ATTACKER, LARGE_ANSWER)).arrayBuffer();
    const victim = send('victim', VICTIM);
    await victimBegins;
    const attack = send('attacker', ATTACKER);
    await untilWaiting(requests, 1);
    expect(begun).toEqual(['attacker', 'victim']);
    endVictim();
    expect([(await victim).status, (await attack).status]).toEqual([200, 200]);
    expect(begun).toEqual(['attacker', 'victim', 'attacker']);
  });

  it('starts at once while no other venue has a request at work', async () => {
    const { begun, send } = await anApi();
    await (await send('attacker', ATTACKER, LARGE_ANSWER)).arrayBuffer();
    expect((await send('attacker', ATTACKER)).status).toBe(200);
    expect(begun).toHaveLength(2);
  });

  it('is refused with Retry-After and the caller’s RateLimit when it waits too long', async () => {
    const { send, victimBegins } = await anApi({ maxWaitMs: 1 });
    await (await send('attacker', ATTACKER, LARGE_ANSWER)).arrayBuffer();
    const victim = send('victim', VICTIM);
    await victimBegins;
    const refused = await send('attacker', ATTACKER);
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('ratelimit')]).toEqual([
      429,
      '1',
      expect.stringContaining('caller'),
    ]);
    expect(await refused.json()).toMatchObject({ code: 'rate-limited' });
    void victim.catch(() => undefined);
  });

  it('is not worked on once its caller has left', async () => {
    const { requests, begun, send, victimBegins, endVictim, leaves } = await anApi();
    await (await send('attacker', ATTACKER, LARGE_ANSWER)).arrayBuffer();
    const victim = send('victim', VICTIM);
    await victimBegins;
    const leaving = new AbortController();
    const attack = send('attacker', ATTACKER, 0, leaving.signal).catch(() => null);
    await untilWaiting(requests, 1);
    leaving.abort();
    await attack;
    await leaves;
    endVictim();
    await victim;
    await expect.poll(() => requests.inUse + requests.waiting).toBe(0);
    expect(begun).toEqual(['attacker', 'victim']);
  });

  it('cannot use up the share of a venue that its token does not reach', async () => {
    const { requests, send, victimBegins, endVictim } = await anApi();
    for (let index = 0; index < 300; index += 1)
      expect((await send('attacker', VICTIM)).status, 'a request about another venue').toBe(404);
    const victim = send('victim', VICTIM);
    await victimBegins;
    const attack = send('attacker', VICTIM);
    await untilWaiting(requests, 1);
    endVictim();
    expect([(await victim).status, (await attack).status]).toEqual([200, 404]);
  });
});

describe('a request that starts a workflow', () => {
  it('is refused with Retry-After when it waits too long behind others of its venue', async () => {
    const { send, victimBegins, endVictim } = await anApi({ effort: 'start', lastingPerSecond: 3, maxWaitMs: 1 });
    const victim = send('victim', VICTIM);
    await victimBegins;
    const statuses: number[] = [];
    for (let index = 0; index < 5; index += 1) statuses.push((await send('attacker', ATTACKER)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect((await send('attacker', ATTACKER)).headers.get('retry-after')).toBe('1');
    endVictim();
    expect((await victim).status).toBe(200);
  });

  it('waits likewise when it is an attempt to connect', async () => {
    const { send, victimBegins } = await anApi({ effort: 'connect', lastingPerSecond: 1, maxWaitMs: 1 });
    const victim = send('victim', VICTIM);
    await victimBegins;
    expect([(await send('attacker', ATTACKER)).status, (await send('attacker', ATTACKER)).status]).toEqual([200, 429]);
    void victim.catch(() => undefined);
  });

  it('starts at once while its venue has the process to itself', async () => {
    const { send } = await anApi({ effort: 'start', lastingPerSecond: 3, maxWaitMs: 1 });
    for (let index = 0; index < 10; index += 1) expect((await send('attacker', ATTACKER)).status).toBe(200);
  });
});
