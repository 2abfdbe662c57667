import { describe, expect, it } from 'vitest';
import { allTime, createSquareWorld } from './square-world.ts';

const world = createSquareWorld();

const LISTS = [
  ['products', 'items'],
  ['customers', 'customers'],
  ['inventory', 'counts'],
  ['transactions', 'payments'],
  ['invoices', 'invoices'],
] as const;

describe.each(LISTS)('a page of %s', (resource, stream) => {
  const refusal = async () => {
    const asked = world.session(resource).listPage({ ...allTime, stream });
    return ((await asked.catch((error: unknown) => error)) as { readonly details: object }).details;
  };

  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429, retryAfter: 3 }, { kind: 'rate-limited', retryAfterMs: 3_000 }],
    ['throttled by a proxy', { kind: 'status', status: 429, body: 'html' }, { kind: 'rate-limited' }],
    ['failed', { kind: 'status', status: 500 }, { kind: 'unavailable' }],
    ['failed without a word', { kind: 'status', status: 503, body: 'empty' }, { kind: 'unavailable' }],
    ['cut off', { kind: 'reset' }, { kind: 'unavailable' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
    ['refused by a proxy', { kind: 'status', status: 403, body: 'html' }, { kind: 'unexpected-response' }],
    ['refused without a word', { kind: 'status', status: 403, body: 'empty' }, { kind: 'unexpected-response' }],
    ['a web page', { kind: 'html' }, { kind: 'unexpected-response', httpStatus: 200 }],
    ['refused', { kind: 'status', status: 403 }, { kind: 'rejected', code: 'FORBIDDEN' }],
    ['of a revoked token', { kind: 'status', status: 401, code: 'ACCESS_TOKEN_REVOKED' }, { kind: 'needs-reauth' }],
    ['of an expired token', { kind: 'status', status: 401, code: 'ACCESS_TOKEN_EXPIRED' }, { kind: 'needs-reauth' }],
    ['of another time', { kind: 'status', status: 400, code: 'VERSION_MISMATCH' }, { kind: 'conflict' }],
    ['wrong', { kind: 'status', status: 400, code: 'NEVER_HEARD_OF' }, { kind: 'rejected', code: 'NEVER_HEARD_OF' }],
  ])('that is %s is told so', async (_, fault, told) => {
    await world.control().fault({ ...fault, times: 1 });
    expect(await refusal()).toMatchObject({ provider: 'square', ...told });
  });
});
