import { DefaultLogger, Runtime } from '@temporalio/worker';

let installed = false;

/**
 * Installs the SDK's runtime with a logger that shows errors only. A process has one runtime, and test files share processes: the first
 * file to call this installs it for those that follow.
 */
export function installTemporalRuntime(): void {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}
