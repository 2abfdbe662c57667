// A program of its own: the SDK's native runtime cannot abandon a download, a process can be ended.
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
  // The cause stands last in the SDK's chain; the address in its middle is long and says nothing more.
  process.stderr.write(`${lines.join(' ').split(': ').slice(-3).join(': ')}\n`);
  process.exit(1);
}
