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

/** Test files that take a quarter of a minute or more, longest first. A file that is missing here only starts later. */
const LONGEST = [
  'conformance/two-way-xero',
  'activities/inbox/square-event-types',
  'faults/episodes',
  'conformance/two-way-quickbooks',
  'conformance/two-way-square',
  'activities/connections/refresh-grant',
  'venues/closing-crashes',
  'end-to-end/northwind-five',
  'conformance/two-way-stripe',
  'venues/closing',
  'connections/abandoned-grants',
  'activities/inbox/stripe-event-types',
  'faults/events',
  'worker/lost-worker',
  'runtime/postgres/postgres',
  'workflows/sync-connection',
  'end-to-end/control',
  'runtime/start/bring-up',
  'db/core/migrations',
  'workflows/revocation-word',
  'api/syncs/sync-processes',
  'activities/pull/read-only-facts',
  'workflows/scheduled-sync',
  'workflows/sync-waiting',
  'connections/disconnecting',
  'worker/token-race',
  'vault/migrate-secrets',
  'connections/faults',
  'end-to-end/square',
  'connections/restarts',
  'api/records/sent-back-as-read',
  'api/syncs/sync-events',
  'activities/runs/waiting',
  'venues/closing-grants',
  'end-to-end/brake',
  'runtime/start/start',
  'connections/after-the-exchange',
  'clients/clients',
  'end-to-end/connect',
  'outgoing/outgoing-webhooks',
  'db/records/look-up-plans',
  'api/syncs/sync-gateway',
  'end-to-end/revocation',
  'activities/push/batches',
  'activities/runs/approvals',
  'activities/pull/sums',
  'worker/token-sync',
  'connections/connecting',
  'conformance/reading',
  'reconciliation/reconciling-unhappy',
  'conformance/two-way-mailchimp',
  'activities/inbox/stale-syncs',
  'connections/accounts',
  'api/webhooks/webhook-signals',
  'worker/process',
  'secrecy/canaries',
  'api/webhooks/bad-webhooks',
  'connections/grant-accounts',
  'activities/connections/refresh-sealed-grant',
  'end-to-end/quickbooks',
  'end-to-end/northwind-both',
  'workflows/keep-connection-fresh',
  'activities/pull/history-from',
  'reports/reading-reports',
  'providers/pipeline',
  'faults/clocks',
  'api/schedules/schedule-time-zones',
  'worker/retention',
  'activities/runs/interruptions',
  'db/records/record-references',
  'runtime/cli/cli',
  'activities/two-way/two-way',
  'connections/testing',
  'activities/pull/two-accounts',
  'conformance/page-faults',
  'activities/push/products',
  'api/http/server',
  'providers/oauth/oauth-unhappy',
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
    setupFiles: ['test/support/clean-process.ts', 'test/support/property-tests.ts'],
    // Some tests measure what is held in memory after a collection. A young generation that starts at its full size is
    // collected less often: a fifteenth of the processor time of unit tests, for 50 MiB a worker.
    execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=32'],
    // For the Temporal servers that tests start for themselves, as for the one that they share
    // (docs/decisions/0156-tests-spend-memory-for-processor-time.md).
    env: { GOGC: '400' },
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
      // V8's, of functions, taken once per worker.
      provider: 'custom',
      customProviderModule: './test/support/coverage-provider.ts',
      include: ROOMS.map((room) => `${room}/**/*.ts`),
      // Entry points run in processes of their own, where no coverage is taken; tests drive them from outside.
      exclude: ['**/main.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { lines: 90 },
    },
  },
});
