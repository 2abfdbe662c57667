import { DefaultLogger, Runtime } from '@temporalio/worker';

let installed = false;

/**
 * Installs the SDK's runtime with a logger that shows only errors. A process has one runtime and test files share
 * processes: the first caller installs it for the rest.
 */
export function installTemporalRuntime(): void {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}
