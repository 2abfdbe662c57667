import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accountPaceOf, concurrencyOf } from '../../providers/limits/limits.ts';
import { SPOKEN, createBench } from './bench.ts';
import { SANDBOXES } from './sandboxes.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { twoWayResourcesOf } from './two-way-suite.ts';

describe('the registry', () => {
  it('has at least one provider, and a stand-in for each', () => {
    expect(SPOKEN.length).toBeGreaterThan(0);
    expect(Object.keys(SANDBOXES).sort()).toEqual([...SPOKEN].sort());
  });
});

describe('the tests of two-way runs', () => {
  it.each(SPOKEN.filter((provider) => twoWayResourcesOf(provider).length > 0))('run for %s', (provider) => {
    expect(existsSync(new URL(`./two-way-${provider}.test.ts`, import.meta.url))).toBe(true);
  });
});

describe.each(SPOKEN)('the adapter of %s', (provider) => {
  const { adapter, counted, declared: declaredResources, open, sandbox } = createBench(provider);

  it('declares its identity, and limits that make a budget', () => {
    const { capabilities } = adapter();
    expect(capabilities).toMatchObject({ provider, displayName: expect.stringMatching(/^[A-Z]/) as string });
    expect(capabilities.connect.length).toBeGreaterThan(0);
    for (const limits of Object.values(capabilities.limits)) {
      expect(accountPaceOf(limits)).toBeGreaterThan(0);
      expect(concurrencyOf(limits)).toBeGreaterThanOrEqual(1);
      for (const { count } of limits) expect(count).toBeGreaterThan(0);
    }
  });

  it('serves the resources that it declares, each as its directions need, and no others', () => {
    for (const resource of RECORD_KINDS.names) {
      const declared = declaredResources.find((one) => one.resource === resource);
      if (!declared) {
        for (const ask of [
          () => open().resource(resource),
          () => adapter().mapping(resource),
          () => adapter().pullPlan(resource),
        ])
          expect(ask).toThrow(resource);
        continue;
      }
      expect(open().resource(resource).writer !== null).toBe(declared.directions.includes('push'));
      expect(adapter().pullPlan(resource).listing.flat().length > 0).toBe(declared.directions.includes('pull'));
    }
  });

  it('identifies a key’s account with the calls that it takes, and no more', async () => {
    const account = await open().account();
    expect(account).toMatchObject({
      externalAccountId: expect.stringMatching(/./) as string,
      environment: sandbox().environment ?? 'sandbox',
    });
    expect(counted()).toBe(1 + sandbox().extraCalls.account);
    expect((await open().account()).externalAccountId).toBe(account.externalAccountId);
  });
});
