import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { ProviderId } from '../../contracts/providers.ts';
import { playHistory } from './two-way-model.ts';
import type { ModelRules } from './two-way-model.ts';
import { histories } from './two-way-steps.ts';
import { createTwoWayWorld } from './two-way-world.ts';

const RULES: readonly (readonly [ProviderId, ModelRules])[] = [
  ['stripe', { ties: false, emptyTellsNothing: false, tellsDeletions: true }],
  ['square', { ties: false, emptyTellsNothing: false, tellsDeletions: false }],
  ['quickbooks', { limitsForLong: true, ties: true, emptyTellsNothing: false, tellsDeletions: true }],
  ['mailchimp', { ties: true, emptyTellsNothing: true, tellsDeletions: false }],
  ['xero', { ties: true, emptyTellsNothing: false, tellsDeletions: true }],
];

const { HISTORIES: given = '2', PROVIDER: only } = process.env;

describe('two-way runs in random histories', () => {
  it.concurrent.each(RULES.filter(([provider]) => only === undefined || only === provider))(
    'bring both sides of %s to what the documented rules say',
    async (provider, rules) => {
      const world = await createTwoWayWorld(provider);
      try {
        await fc.assert(
          fc.asyncProperty(histories(), (history) => playHistory(world, rules, history)),
          { numRuns: Number(given) },
        );
      } finally {
        await world.close();
      }
    },
    600_000,
  );
});
