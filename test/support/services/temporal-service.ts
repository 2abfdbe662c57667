import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { cacheFolderOf } from '../../../runtime/start/home.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { waitForTemporal } from '../../../runtime/temporal/temporal-readiness.ts';
import { resolveTemporal, startTemporal } from '../../../runtime/temporal/temporal.ts';
import type { RunningTemporal } from '../../../runtime/temporal/temporal.ts';
import { BUNDLED_SERVICES, keepServiceBundle } from '../../../worker/service-bundle.ts';
import { buildWorkflowBundle } from '../../../worker/workflow-bundle.ts';
import type { SharedService } from './on-demand.ts';

const NAMESPACE = 'default';

/**
 * One Temporal for the run, resolved like `npm start` does: TEMPORAL_ADDRESS, or a development server without Web UI
 * and storage. Returns `address` and `namespace`; our search attributes are registered.
 */
export function createTemporalService(): SharedService {
  const logFile = join(tmpdir(), `interlock_test_${randomBytes(4).toString('hex')}`, 'temporal.log');
  let server: RunningTemporal | null = null;

  async function findOrStart(): Promise<{ readonly address: string; readonly namespace: string }> {
    const source = await resolveTemporal({
      cacheFolder: cacheFolderOf(process.env),
      log: (line) => {
        process.stderr.write(`${line}\n`);
      },
    });
    if (source.kind === 'server') {
      await waitForTemporal({ address: source.address, namespace: NAMESPACE, limitMs: 20_000 });
      return { address: source.address, namespace: NAMESPACE };
    }
    server = await startTemporal({
      binary: source.path,
      dataFile: null,
      disposable: true,
      port: await freePort(),
      uiPort: null,
      namespace: NAMESPACE,
      logFile,
    });
    return { address: server.address, namespace: NAMESPACE };
  }

  return {
    start: async () => {
      const [place] = await Promise.all([findOrStart(), buildBundles()]);
      return place;
    },

    stop: async () => {
      await server?.stop();
      await rm(join(logFile, '..'), { recursive: true, force: true });
    },
  };
}

/** Builds what workers and systems of processes run. Test files that start together would each build it. */
const buildBundles = () => Promise.all([buildWorkflowBundle(), ...BUNDLED_SERVICES.map(keepServiceBundle)]);
