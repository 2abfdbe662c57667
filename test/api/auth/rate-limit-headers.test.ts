import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Caller } from '../../../api/auth/caller.ts';
import { createRateLimits } from '../../../api/auth/rate-limits.ts';
import { createErrorHandler } from '../../../api/errors/error-handler.ts';
import { requestContext } from '../../../api/http/request-context.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { WIDE_LIMITS } from '../api-world.ts';

const CALLER: Caller = { subject: 'some backend', role: 'viewer', venues: '*', expiresAt: new Date() };
const VENUE = '0192f0c1-0000-7000-8000-00000000000a' as VenueId;
const LIMITS = { ...WIDE_LIMITS, perCallerPerMinute: 2, perVenuePerMinute: 3 };

/** Answers each request by `handlers`; returns the headers of as many answers. */
async function headersOf(count: number, handlers: readonly RequestHandler[]) {
  const app = express();
  app.use(requestContext, ...handlers, (_req, res) => {
    res.end();
  });
  app.use(createErrorHandler({ log: createLogger({ name: 'test', level: 'silent' }), publicUrl: 'https://a.test' }));
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
  });
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answers: Response[] = [];
  for (let index = 0; index < count; index += 1) answers.push(await fetch(url));
  return answers.map(({ status, headers }) => ({
    status,
    limit: headers.get('ratelimit'),
    policy: headers.get('ratelimit-policy'),
    retryAfter: headers.get('retry-after'),
  }));
}

describe('the headers of a rate limit', () => {
  it('are those of the library’s middleware', async () => {
    const limits = createRateLimits(LIMITS);
    const ours: RequestHandler = async (req, res, next) => {
      await limits.countCaller({ req, res }, CALLER);
      await limits.countVenue({ req, res }, VENUE);
      next();
    };
    const theirs = (identifier: string, limit: number, key: string) =>
      rateLimit({ identifier, limit, standardHeaders: 'draft-8', legacyHeaders: false, keyGenerator: () => key });
    const answers = await headersOf(3, [ours]);
    expect(answers).toEqual(await headersOf(3, [theirs('caller', 2, CALLER.subject), theirs('venue', 3, VENUE)]));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]?.retryAfter).toBe('60');
  });
});
