import { DrizzleQueryError } from 'drizzle-orm';
import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Secret } from '../../vault/secret.ts';

const CANARY = 'canary4242';

function aLogger(level: 'debug' | 'info' = 'debug') {
  const lines: string[] = [];
  const logger = createLogger({ name: 'test', level, destination: { write: (line) => lines.push(line) } });
  return {
    logger,
    output: () => lines.join(''),
    entry: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>,
  };
}

describe('a planted secret does not reach the output', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'token',
    'accessToken',
    'refresh_token',
    'secret',
    'clientSecret',
    'JWT_SECRET',
    'key',
    'apiKey',
    'secretKey',
    'ENCRYPTION_KEY',
    'signature',
    'stripe-signature',
    'password',
    'credentials',
    'databaseUrl',
    'headers',
    'body',
    'email',
  ])('under the name %s, at any depth, in a list or a child', (name) => {
    const { logger, output } = aLogger();
    const planted = { [name]: CANARY };
    logger.info(planted, 'one');
    logger.info({ a: { b: { c: { d: planted } } }, list: [[planted]] }, 'deep');
    logger.info('formatted %j', planted);
    logger.child(planted).child({ nested: planted }).info('child');
    const bound = logger.child({});
    bound.setBindings(planted);
    bound.info('bound');
    expect(output().match(/"msg"/g)).toHaveLength(5);
    expect(output()).not.toContain(CANARY);
  });

  it.each<[string, (logger: Logger) => void]>([
    [
      'a provider key in a message',
      (logger) => {
        logger.info(`using sk_test_${CANARY}`);
      },
    ],
    [
      'a webhook secret in a field',
      (logger) => {
        logger.info({ note: `whsec_${CANARY} is old` });
      },
    ],
    [
      'a bearer token in a message',
      (logger) => {
        logger.info(`sent Authorization: Bearer ${CANARY}.x-y_z=`);
      },
    ],
    [
      'a JWT in a field',
      (logger) => {
        logger.info({ note: `eyJhbGciOi.${CANARY}.sig` });
      },
    ],
    [
      'the password of a URL',
      (logger) => {
        logger.info(`connecting to postgres://app:${CANARY}@db:5432/x`);
      },
    ],
    [
      'a format argument',
      (logger) => {
        logger.info('got %s', `rk_live_${CANARY}`);
      },
    ],
    [
      'an e-mail address',
      (logger) => {
        logger.info(`no customer ${CANARY}@example.org`);
      },
    ],
    [
      'an e-mail address at the place where a long text is cut',
      (logger) => {
        logger.info(`${'x '.repeat(4_090)}${CANARY}@example.org`);
      },
    ],
    [
      'an e-mail address at the place where a longer text is cut before it is searched',
      (logger) => {
        logger.info(`${'a@example.org '.repeat(1_169)}${CANARY}@mail.example.org and more`);
      },
    ],
    [
      'an error’s message',
      (logger) => {
        logger.error(new Error(`bad key sk_live_${CANARY}`));
      },
    ],
    [
      'an error’s message under err',
      (logger) => {
        logger.error({ err: new Error(`bad key sk_live_${CANARY}`) });
      },
    ],
    [
      'an error’s cause',
      (logger) => {
        logger.error({ err: new Error('outer', { cause: new Error(`sk_live_${CANARY}`) }) }, 'failed');
      },
    ],
    [
      'an error under any other name',
      (logger) => {
        logger.error(
          { job: { failure: Object.assign(new Error('x'), { response: CANARY, anything: CANARY }) } },
          'failed',
        );
      },
    ],
    [
      'a Secret',
      (logger) => {
        logger.info({ it: new Secret(CANARY) }, 'secret %s', new Secret(CANARY));
      },
    ],
    [
      'raw bytes',
      (logger) => {
        logger.info({ bytes: Buffer.from(CANARY) });
      },
    ],
    [
      'a toJSON that tells too much',
      (logger) => {
        logger.info({ it: { toJSON: () => ({ password: CANARY }) } });
      },
    ],
  ])('in %s', (_place, log) => {
    const { logger, output } = aLogger();
    log(logger);
    expect(output()).toMatch(/"level":"(info|error)"/);
    expect(output()).not.toContain(CANARY);
    expect(output()).not.toContain(Buffer.from(CANARY).toString('base64'));
    expect(output()).not.toContain([...Buffer.from(CANARY)].slice(0, 4).join(','));
  });

  it('in an error of the Stripe SDK, which holds the response and its headers', () => {
    const raw = {
      type: 'invalid_request_error',
      message: 'No such customer',
      code: 'resource_missing',
      param: CANARY,
      headers: { 'x-echo': CANARY },
      statusCode: 404,
    } as const;
    const { logger, output, entry } = aLogger();
    logger.error({ err: Stripe.errors.StripeError.generate(raw as never) }, 'call failed');
    expect(output()).not.toContain(CANARY);
    expect(entry()).toMatchObject({
      msg: 'call failed',
      err: {
        message: 'No such customer',
        code: 'resource_missing',
        stack: expect.stringContaining('    at ') as string,
      },
    });
  });

  it('in the error of a failed query, whose message ends with the values', () => {
    const cause = Object.assign(new Error('duplicate key value violates unique constraint "customers_email"'), {
      code: '23505',
      detail: `Key (email)=(${CANARY})`,
      parameters: [CANARY],
    });
    const { logger, output, entry } = aLogger();
    logger.error(new DrizzleQueryError('insert into customers values ($1)', [CANARY], cause));
    expect(output()).not.toContain(CANARY);
    expect(entry()).toMatchObject({
      msg: 'Failed query: insert into customers values ($1)',
      err: { cause: { code: '23505', message: cause.message } },
    });
  });
});

describe('a log line', () => {
  it('keeps what an operator needs', () => {
    const { logger, entry } = aLogger();
    logger
      .child({ requestId: 'r1' })
      .warn({ venueId: 'v1', count: 3, ok: true, at: new Date(0), keyId: 'k1', list: [1, null] }, 'page of %d', 100);
    expect(entry()).toMatchObject({
      level: 'warn',
      name: 'test',
      requestId: 'r1',
      venueId: 'v1',
      count: 3,
      ok: true,
      at: '1970-01-01T00:00:00.000Z',
      keyId: 'k1',
      list: [1, null],
      msg: 'page of 100',
    });
    expect(entry()['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('keeps type, message, code, stack and causes of an error', () => {
    class PageError extends Error {}
    const { logger, entry } = aLogger();
    logger.error(
      Object.assign(new PageError('no page', { cause: new TypeError('no socket') }), {
        code: 'ECONNRESET',
        response: 'x',
      }),
    );
    expect(entry()).toMatchObject({
      level: 'error',
      msg: 'no page',
      err: {
        type: 'PageError',
        message: 'no page',
        code: 'ECONNRESET',
        cause: { type: 'TypeError', message: 'no socket' },
      },
    });
    const err = entry()['err'] as Record<string, unknown>;
    expect(Object.keys(err).sort()).toEqual(['cause', 'code', 'message', 'stack', 'type']);
    expect(err['stack']).toContain('logger.test.ts');
  });

  it('is written whatever it is given: cycles, getters that throw, huge texts, nothing', () => {
    const { logger, output } = aLogger();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const looped = new Error('looped');
    looped.cause = looped;
    logger.info({ cycle }, 'a');
    logger.info(
      {
        get trap(): string {
          throw new Error('trap');
        },
      },
      'b',
    );
    logger.info({ huge: 'a.'.repeat(1_000_000) }, 'c');
    logger.info(null, 'd');
    logger.error(looped, 'e');
    logger.info({ big: 10n, fn: () => 1, missing: undefined }, 'f');
    expect([...output().matchAll(/"msg":"(.)"/g)].map((match) => match[1])).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('is not written below the level', () => {
    const { logger, output } = aLogger('info');
    logger.debug('hidden');
    expect(output()).toBe('');
  });
});
