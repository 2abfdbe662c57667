import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

const ROOMS = [
  'contracts',
  'domain',
  'records',
  'expressions',
  'workflows',
  'activities',
  'providers',
  'vault',
  'config',
  'db',
  'api',
  'worker',
  'telemetry',
  'sandbox',
  'runtime',
  'checks',
];

/** Test files that take half a minute or more, longest first. A file that is missing here only starts later. */
const LONGEST = [
  'faults/episodes',
  'conformance/two-way-square',
  'conformance/two-way-xero',
  'conformance/two-way-stripe',
  'conformance/two-way-quickbooks',
  'venues/closing-crashes',
  'venues/closing',
  'end-to-end/northwind-five',
  'activities/connections/refresh-grant',
  'worker/lost-worker',
  'activities/two-way/two-way',
  'activities/inbox/stripe-event-types',
  'runtime/start/bring-up',
  'faults/events',
  'conformance/two-way-mailchimp',
  'end-to-end/control',
  'runtime/start/start',
  'api/records/sent-back-as-read',
  'activities/inbox/square-event-types',
  'connections/abandoned-grants',
  'api/syncs/sync-processes',
  'workflows/sync-connection',
  'connections/faults',
  'venues/closing-grants',
  'workflows/sync-waiting',
  'activities/runs/approvals',
].map((name) => `/test/${name}.test.ts`);

/** Starts the longest files first: one that starts last runs alone, while the other workers are idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// eslint-disable-next-line no-restricted-syntax -- vitest reads its configuration from the default export
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Loading packages anew for every file took a third of the processor time of all tests.
    isolate: false,
    setupFiles: ['test/support/clean-process.ts'],
    // Some tests measure what is held in memory after a collection. A young generation that starts at its full size is
    // collected less often: a fifteenth of the processor time of unit tests, for 50 MiB a worker.
    execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=32'],
    // On two cores: more than half of a file's time is waiting, and with three workers the cores were idle for a third of it.
    maxWorkers: 5,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A second, the default, is not enough for what another process has to do on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    globalSetup: ['test/support/services/global-setup.ts'],
    restoreMocks: true,
    coverage: {
      // V8's, taken once per worker.
      provider: 'custom',
      customProviderModule: './test/support/coverage-provider.ts',
      include: ROOMS.map((room) => `${room}/**/*.ts`),
      // Entry points run in processes of their own, where no coverage is taken; tests drive them from outside.
      exclude: ['**/main.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { lines: 80 },
    },
  },
});
