// Runs as its own process: the SDK's native runtime cannot abort a download, but a process can be killed.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [downloadDir] = process.argv.slice(2);
if (downloadDir === undefined) throw new Error('usage: sdk-download.ts <folder>');
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir } },
  });
  await environment.teardown();
} catch (error) {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n');
  // The cause is last in the SDK's message chain; the long address in the middle adds nothing.
  process.stderr.write(`${lines.join(' ').split(': ').slice(-3).join(': ')}\n`);
  process.exit(1);
}
