import { fileURLToPath } from 'node:url';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';

// Body of the child process that `buildWorkflowBundle` starts. It ignores signals to the process group, which the
// worker handles.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.once('disconnect', () => process.exit());

const MAP_COMMENT = /\/\/# sourceMappingURL=data:application\/json;[^,]*base64,([\w+/=]+)\s*$/;

const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('WARN'),
  // Maps lines only: columns would fill 5 MB of every worker, and stack traces are read by their lines.
  webpackConfigHook: (config) => ({ ...config, devtool: 'inline-cheap-module-source-map' }),
});
process.send?.({ code: slim(code) });

/**
 * The same code in a quarter of the memory: the source map keeps lines and names for stack traces but not the sources,
 * and with only Latin-1 characters V8 needs one byte per character instead of two.
 */
function slim(bundled: string): string {
  const [comment, encoded] = MAP_COMMENT.exec(bundled) ?? [];
  if (comment === undefined || encoded === undefined) throw new Error('the bundle ends without its source map');
  const map = JSON.parse(Buffer.from(encoded, 'base64').toString()) as { sourcesContent?: unknown };
  delete map.sourcesContent;
  const escaped = bundled
    .slice(0, -comment.length)
    .replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${escaped}//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
}
