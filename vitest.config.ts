import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

const ROOMS = ['contracts', 'domain', 'workflows', 'activities', 'providers', 'vault', 'config', 'db', 'api', 'worker', 'telemetry', 'sandbox', 'runtime'];

/** The one file of minutes comes first: begun last it would be waited for while a core is idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (moduleId.endsWith('/test/faults/episodes.test.ts') ? 0 : 1);
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// eslint-disable-next-line no-restricted-syntax -- vitest reads its configuration from the default export
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // On two cores: half of a file's time is waiting.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/global-setup.ts'],
    restoreMocks: true,
    coverage: {
      provider: 'v8',
      include: ROOMS.map((room) => `${room}/**/*.ts`),
      // Entry points run in processes of their own, where no coverage is taken; tests drive them from outside.
      exclude: ['**/main.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { lines: 80 },
    },
  },
});
