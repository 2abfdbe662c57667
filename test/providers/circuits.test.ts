import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import { createCircuitStore } from '../../db/budgets/circuit-store.ts';
import { openDatabase } from '../../db/core/venue-scope.ts';
import type { Database } from '../../db/core/venue-scope.ts';
import { CIRCUIT_LIMITS } from '../../domain/circuits/circuit.ts';
import { createCircuits, outcomeOf, placeKey } from '../../providers/limits/circuits.ts';
import type { Circuits } from '../../providers/limits/circuits.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderErrorDetails } from '../../providers/provider-error.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';
import { until } from '../support/eventually.ts';

const PLACE = { provider: 'stripe', environment: 'sandbox' } as const;
const callTo = (account: string) => ({ ...PLACE, accountKey: `stripe/sandbox/${account}` });
const providerError = (details: Partial<ProviderErrorDetails>) =>
  new ProviderError({ provider: 'stripe', kind: 'unavailable', httpStatus: 503, ...details });
const fails = () => Promise.reject(providerError({}));
const answers = () => Promise.resolve('ok');

let database: TestDatabase;
/** Another process has its own pool and shares only the database. */
let otherPool: Database;
let here: Circuits;
let elsewhere: Circuits;
beforeAll(async () => {
  database = await createTestDatabase();
  otherPool = openDatabase({ url: database.url, maxConnections: 5, applicationName: 'interlock-test' });
});
afterAll(async () => {
  await otherPool.$client.end({ timeout: 5 });
  await database.drop();
});
beforeEach(async () => {
  await database.admin`delete from provider_circuits`;
  await database.admin`delete from provider_budgets`;
  here = createCircuits(createCircuitStore(database.db));
  elsewhere = createCircuits(createCircuitStore(otherPool));
});

/** The outcome of a call: its answer, or the code or kind of its error. */
async function call(circuits: Circuits, account: string, request: () => Promise<string> = answers): Promise<string> {
  try {
    return await circuits.around(callTo(account), request);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return error.details.code ?? error.details.kind;
  }
}
async function breakCircuit(account: string, circuits = here): Promise<void> {
  for (let failure = 0; failure < CIRCUIT_LIMITS.failuresToOpen; failure += 1) await call(circuits, account, fails);
}
/** Moves stored times back by this duration. */
const age = (ms: number) => database.admin`
  update provider_circuits set opened_at = opened_at - ${ms} * interval '1 ms', retry_at = retry_at - ${ms} * interval '1 ms',
    probing_until = probing_until - ${ms} * interval '1 ms'`;
const seenBy = (circuits: Circuits, account: string, outcome: string) =>
  until(async () => (await call(circuits, account)) === outcome, { limitMs: 20_000, what: `the call ends ${outcome}` });

describe('an account whose calls fail', () => {
  it('is not called after the fifth failure, and the error says when to retry', async () => {
    await breakCircuit('acct_a');
    let calls = 0;
    const refused = here.around(callTo('acct_a'), () => Promise.resolve((calls += 1)));
    await expect(refused).rejects.toMatchObject({ details: { kind: 'unavailable', code: 'circuit-open' } });
    const { details } = (await refused.catch((error: unknown) => error)) as ProviderError;
    expect(details.retryAfterMs).toBeGreaterThan(55_000);
    expect(details.retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(calls).toBe(0);
  });

  it('is not called by other processes either, including one that called it just before', async () => {
    expect(await call(elsewhere, 'acct_a')).toBe('ok');
    await breakCircuit('acct_a');
    await seenBy(elsewhere, 'acct_a', 'circuit-open');
  });

  it('is not called after five failures of two processes together', async () => {
    for (const circuits of [here, elsewhere, here, elsewhere, here]) await call(circuits, 'acct_a', fails);
    await seenBy(elsewhere, 'acct_a', 'circuit-open');
  });

  it('is not called after every process has restarted', async () => {
    await breakCircuit('acct_a');
    const restarted = createCircuits(createCircuitStore(otherPool));
    expect(await call(restarted, 'acct_a')).toBe('circuit-open');
  });

  it('leaves the circuits of other accounts closed', async () => {
    await breakCircuit('acct_a');
    expect(await call(here, 'acct_b')).toBe('ok');
    expect(await call(elsewhere, 'acct_b')).toBe('ok');
  });

  it('is still called when a success comes in between', async () => {
    for (let round = 0; round < 3; round += 1) {
      for (let failure = 0; failure < 4; failure += 1) await call(here, 'acct_a', fails);
      expect(await call(here, 'acct_a')).toBe('ok');
    }
  });

  it('opens its circuit for concurrent failures', async () => {
    await Promise.all(Array.from({ length: 8 }, () => call(here, 'acct_a', fails)));
    expect(await call(here, 'acct_a')).toBe('circuit-open');
  });
});

describe('an open circuit after a minute', () => {
  it('admits one call at a time across all processes', async () => {
    await breakCircuit('acct_a');
    await age(CIRCUIT_LIMITS.openMs);
    let begun = 0;
    let end: (answer: string) => void = () => undefined;
    const hold = () => {
      begun += 1;
      return new Promise<string>((resolve) => {
        end = resolve;
      });
    };
    const over: string[] = [];
    const outcomes = [here, elsewhere, here, elsewhere].map(async (circuits) => {
      over.push(await call(circuits, 'acct_a', hold));
    });
    // One that asks after the probe has ended would be the next probe.
    await until(() => begun === 1 && over.length === 3, {
      limitMs: 20_000,
      what: 'one call is made, and three are not',
    });
    expect(await call(elsewhere, 'acct_a', hold)).toBe('circuit-open');
    end('ok');
    await Promise.all(outcomes);
    expect(over).toEqual(['circuit-open', 'circuit-open', 'circuit-open', 'ok']);
    expect(begun).toBe(1);
  });

  it('closes for every process after two successes', async () => {
    await breakCircuit('acct_a');
    await age(CIRCUIT_LIMITS.openMs);
    expect(await call(here, 'acct_a')).toBe('ok');
    expect(await call(elsewhere, 'acct_a')).toBe('ok');
    expect(await database.admin`select key from provider_circuits`).toEqual([]);
    await Promise.all([here, elsewhere].map((circuits) => seenBy(circuits, 'acct_a', 'ok')));
  });

  it('opens for another minute when the probe fails', async () => {
    await breakCircuit('acct_a');
    await age(CIRCUIT_LIMITS.openMs);
    expect(await call(here, 'acct_a', fails)).toBe('unavailable');
    expect(await call(elsewhere, 'acct_a')).toBe('circuit-open');
    await age(CIRCUIT_LIMITS.openMs);
    expect(await call(elsewhere, 'acct_a')).toBe('ok');
  });

  it('admits another probe when the first one’s process was killed', async () => {
    await breakCircuit('acct_a');
    await age(CIRCUIT_LIMITS.openMs);
    void call(here, 'acct_a', () => new Promise(() => undefined));
    await until(
      async () => (await database.admin`select from provider_circuits where probing_until is not null`).length === 1,
      {
        limitMs: 20_000,
        what: 'a probe is under way',
      },
    );
    expect(await call(elsewhere, 'acct_a')).toBe('circuit-open');
    await age(CIRCUIT_LIMITS.probeMs);
    expect(await call(elsewhere, 'acct_a')).toBe('ok');
  });
});

describe('a provider with many failing accounts', () => {
  const ACCOUNTS = ['acct_1', 'acct_2', 'acct_3', 'acct_4', 'acct_5'];
  const called = async (accounts: readonly string[]) => {
    const budget = createBudgetStore(database.db);
    for (const account of accounts)
      await budget.reserve(callTo(account).accountKey, { ratePerSecond: 10, lane: 'bulk', maxWaitMs: 1_000 });
  };

  it('is not called for any account, in that environment only', async () => {
    await called([...ACCOUNTS, 'acct_well']);
    for (const account of ACCOUNTS) await breakCircuit(account);
    await seenBy(here, 'acct_well', 'circuit-open');
    const elsewhereInProduction = {
      provider: 'stripe',
      environment: 'production',
      accountKey: 'stripe/production/x',
    } as const;
    expect(await here.around(elsewhereInProduction, answers)).toBe('ok');
  });

  it('is still called while most of its accounts are healthy', async () => {
    await called([...ACCOUNTS, ...Array.from({ length: 6 }, (_, index) => `acct_well_${index}`)]);
    for (const account of ACCOUNTS) await breakCircuit(account);
    expect(await call(elsewhere, 'acct_well_1')).toBe('ok');
  });

  it('is probed by one account, and available to all after two successes', async () => {
    await called(ACCOUNTS);
    for (const account of ACCOUNTS) await breakCircuit(account);
    await age(CIRCUIT_LIMITS.openMs);
    expect(await call(here, 'acct_well')).toBe('ok');
    expect(await call(elsewhere, 'acct_well')).toBe('ok');
    expect(await database.admin`select key from provider_circuits where key = ${placeKey(PLACE)}`).toEqual([]);
  });
});

describe('what a failed call says about the provider', () => {
  it.each([
    [{ kind: 'rejected', httpStatus: 400 }, 'answered'],
    [{ kind: 'needs-reauth', httpStatus: 401 }, 'answered'],
    [{ kind: 'rate-limited', httpStatus: 429 }, 'answered'],
    [{ kind: 'quota-exhausted', httpStatus: 429 }, 'answered'],
    [{ kind: 'conflict', httpStatus: 409 }, 'answered'],
    [{ kind: 'unavailable', httpStatus: 409 }, 'answered'],
    [{ kind: 'unexpected-response', httpStatus: 404 }, 'answered'],
    [{ kind: 'unexpected-response', httpStatus: 200, unreadable: 'created' }, 'answered'],
    [{ kind: 'unavailable', httpStatus: 500 }, 'failed'],
    [{ kind: 'unavailable', httpStatus: 503 }, 'failed'],
    [{ kind: 'unavailable', httpStatus: 408 }, 'failed'],
    [{ kind: 'unavailable', httpStatus: undefined, code: 'unreachable' }, 'failed'],
    [{ kind: 'unexpected-response', httpStatus: 200 }, 'failed'],
  ] as const)('%j: %s', (details, outcome) => {
    expect(outcomeOf(providerError(details))).toBe(outcome);
  });

  it('counts a timeout as a failure and ignores a cancelled call', () => {
    const timedOut = AbortSignal.abort(new DOMException('', 'TimeoutError'));
    expect(outcomeOf(new DOMException('', 'TimeoutError'))).toBe('failed');
    expect(outcomeOf(new DOMException('', 'AbortError'), timedOut)).toBe('failed');
    expect(outcomeOf(new DOMException('', 'AbortError'), AbortSignal.abort())).toBe('unknown');
    expect(outcomeOf(new TypeError())).toBe('unknown');
  });
});
