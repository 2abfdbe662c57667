import path from 'node:path';
import { fullTemporalBinaries } from '../../../checks/full-temporal/full-temporal-binaries.ts';
import { prepareFullTemporal, startFullTemporal } from '../../../checks/full-temporal/full-temporal-server.ts';
import { cacheFolderOf } from '../../../runtime/start/home.ts';
import { resolveTemporal } from '../../../runtime/temporal/temporal.ts';
import type { Stage, TemporalPlace } from '../../../runtime/start/services.ts';

/**
 * Set by `npm run full-stack-test`: systems with their own servers then run the full Temporal server instead of a
 * development one.
 */
export const wantsFullTemporal = (): boolean => process.env['INTERLOCK_TEST_FULL_TEMPORAL'] === 'true';

/**
 * The full Temporal server, supervised, on the same Postgres as Interlock's records, as in temporal-docker/. `adminUrl`
 * is a superuser's.
 */
export async function bringUpFullTemporal(stage: Stage, adminUrl: string): Promise<TemporalPlace> {
  const context = { cacheFolder: cacheFolderOf(stage.env), log: stage.log, stop: stage.supervisor.stopping };
  const [binaries, cli] = await Promise.all([
    fullTemporalBinaries(context),
    resolveTemporal({ ...context, env: stage.env }),
  ]);
  if (cli.kind !== 'binary') throw new Error('A system with servers of its own has no TEMPORAL_ADDRESS');
  const logFile = path.join(stage.home.logsFolder, 'temporal.log');
  const cluster = await prepareFullTemporal({
    binaries,
    cli: cli.path,
    adminUrl,
    namespace: stage.namespace,
    logFile,
    grpcPort: stage.ports.temporal,
  });
  const { address } = await stage.supervisor.keep('temporal', (stop) =>
    startFullTemporal(cluster, {
      stop,
      onSpawn: (pid) => {
        stage.instance.setChild('temporal', pid);
      },
    }),
  );
  return { address, uiUrl: null };
}
