import { describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import { explainTrouble } from '../../../domain/grants/grant-advice.ts';

describe('the advice on a connection whose token cannot be refreshed', () => {
  it.each([
    [FAILURE.unavailable, /does not give a new token at the moment/],
    [FAILURE.rateLimited, /does not give a new token at the moment/],
    [FAILURE.unexpectedResponse, /cannot be read/],
    [FAILURE.rejected, /refuses the request/],
    [FAILURE.keyServiceUnavailable, /key service/],
    ['Internal', /\(Internal\)/],
  ])('describes %s by its own cause', (type, cause) => {
    expect(explainTrouble(type, false)).toMatchObject({ cause: expect.stringMatching(cause) as string });
    expect(explainTrouble(type, false).cause).toContain('still good');
    expect(explainTrouble(type, true).cause).toContain('syncs wait');
  });
});
