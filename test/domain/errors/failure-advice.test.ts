import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import { FAILURE_CODES, explainFailure } from '../../../domain/errors/failure-advice.ts';
import { explainWaiting } from '../../../domain/sync/waiting/waiting-advice.ts';

/** Failures that a venue cannot act on, or that never end a run. */
const INTERNAL_ON_PURPOSE: readonly string[] = [
  FAILURE.superseded,
  FAILURE.conflict,
  FAILURE.otherKey,
  FAILURE.tokenRenewed,
  FAILURE.authorizationUsed,
  FAILURE.heldBack,
];

describe('the advice on a failed run', () => {
  it.each(Object.values(FAILURE).filter((type) => !INTERNAL_ON_PURPOSE.includes(type)))(
    'names a cause and a next step for %s',
    (type) => {
      const { code, message, nextAction } = explainFailure(type);
      expect(code).not.toBe('internal');
      for (const text of [message, nextAction]) expect(text).toMatch(/^[A-Z].{10,}\.$/);
    },
  );

  it.each([...INTERNAL_ON_PURPOSE, 'Internal', 'TypeError', '', 'constructor', '__proto__', 'toString'])(
    'tells the venue that %j is an internal failure',
    (type) => {
      expect(explainFailure(type)).toMatchObject({
        code: 'internal',
        message: expect.any(String) as string,
        nextAction: expect.any(String) as string,
      });
    },
  );

  it('tells a connection by consent nothing of a key that it does not have: the connection says what helps', () => {
    for (const { nextAction } of [explainFailure(FAILURE.needsReauth), explainWaiting('needs-reauth')])
      expect(nextAction).toMatch(/^Do what `nextAction` of the connection says/u);
  });

  it('has a stable, unique kebab-case code for each cause', () => {
    expect(new Set(FAILURE_CODES).size).toBe(FAILURE_CODES.length);
    for (const code of FAILURE_CODES) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('is listed word for word in docs/errors.md', async () => {
    const text = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const rows = [...Object.values(FAILURE), 'Internal']
      .map(explainFailure)
      .map(({ code, message, nextAction }) => `| \`${code}\` | ${message} | ${nextAction} |`);
    expect(rows.filter((row) => !text.includes(row))).toEqual([]);
  });
});
