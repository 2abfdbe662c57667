import { exitOnConfigError } from '../config/config-error.ts';
import { readApiConfig } from '../config/config.ts';
import { REGISTRIES } from '../providers/registry.ts';
import { exitOnUncaught } from '../telemetry/exit-on-uncaught.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startInternalServer } from '../telemetry/metrics-server.ts';
import { createApp } from './app.ts';
import { createApiDeps } from './deps.ts';
import { startServer } from './http/server.ts';

// Reads the environment and starts the API, which `deps.ts` assembles.
const config = exitOnConfigError(() => readApiConfig(process.env, REGISTRIES.providers));
const log = createLogger({ name: 'api', level: config.logLevel });
exitOnUncaught(log);
// Stripe's notices and hints would break up the structured log.
process.env['STRIPE_SUPPRESS_NOTICES'] = 'true';

if (config.keyring.kind === 'local')
  log.warn({}, 'credentials are sealed under a key of this machine (MOCK_KMS=true): for development only');

// Not awaited at the top level, which a CommonJS bundle does not allow.
void run();

async function run(): Promise<void> {
  const deps = await createApiDeps(config, log, REGISTRIES);
  const server = await startServer(createApp(deps), {
    host: config.host,
    port: config.port,
    publicUrl: config.publicUrl,
    log,
  });
  const metrics =
    config.metricsPort === null ? null : startInternalServer({ host: config.host, port: config.metricsPort });
  log.info({ host: config.host, port: server.port }, 'api is ready');

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void (async () => {
      await server.stop();
      metrics?.close();
      await deps.close();
      log.info({}, 'api has stopped');
      process.exit(0);
    })();
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  // As a child process, the API stops when its parent is gone, because nobody else would stop it.
  process.once('disconnect', stop);
}
