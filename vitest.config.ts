import { defineConfig } from 'vitest/config';

const ROOMS = ['contracts', 'domain', 'workflows', 'activities', 'providers', 'vault', 'config', 'db', 'api', 'worker', 'telemetry', 'sandbox', 'runtime'];

// eslint-disable-next-line no-restricted-syntax -- vitest reads its configuration from the default export
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // On two cores: half of a file's time is waiting.
    maxWorkers: 3,
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
