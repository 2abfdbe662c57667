import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { findBrowser, startBrowser } from './browser-process.ts';
import { prepareCopy } from '../service-copy.ts';
import { walkFlow } from './browser-walk-flow.ts';
import { startProduct } from './browser-walk-product.ts';
import { WalkReport } from './browser-walk-report.ts';
import { createCleanUp } from '../../runtime/start/clean-up.ts';
import { messageOf } from '../../runtime/start/start-error.ts';
import type { ApiClient } from '../../runtime/cli/api-client.ts';
import type { Flow } from './browser-walk-flow.ts';

// Walks through connecting like a venue's owner: each provider's consent page and the following pages, in a real
// browser on this machine, against a copy of the whole service and the sandbox. Run by hand: npm run browser-walk
const HELP = `Usage: npm run browser-walk [-- --only <provider> --pictures <folder>]

Walks through every way to connect a provider, in Chromium. Exit code 0: all held; 1: something did not; 2: no Chromium on PATH.
  --only      one provider
  --pictures  where the screenshots go; a new temporary folder without it`;
const NO_BROWSER_EXIT_CODE = 2;

const integrations = z.object({
  data: z.array(
    z.object({
      provider: z.string(),
      displayName: z.string(),
      flows: z.array(z.string()),
      environment: z.string().nullable(),
    }),
  ),
});
/** Every flow that has to be offered; a missing one is a failure. */
const EXPECTED_FLOWS = [
  'stripe connect',
  'stripe app',
  'square code',
  'square pkce',
  'quickbooks code',
  'mailchimp code',
  'xero code',
];

const cleanUp = createCleanUp();
const log = (line: string): void => {
  console.log(line);
};

async function main(
  browserProgram: string,
  options: { readonly only: string | undefined; readonly pictures: string | undefined },
): Promise<boolean> {
  const name = `interlock_walk_${randomBytes(4).toString('hex')}`;
  // Not created by mkdtemp, whose folder the user that runs Postgres under root could not enter.
  const folder = path.join(tmpdir(), name);
  const pictures = path.resolve(options.pictures ?? path.join(tmpdir(), `${name}_pictures`));
  mkdirSync(pictures, { recursive: true });
  log(`screenshots: ${pictures}`);

  const product = await startProduct();
  cleanUp.add(() => product.stop());
  const copy = await prepareCopy({ folder, returnUrl: product.returnUrl, log });
  cleanUp.add(() => copy.stop());
  const { api } = await copy.bringUp();
  const browser = await startBrowser(browserProgram);
  cleanUp.add(() => browser.close());

  const report = new WalkReport(pictures);
  const flows = await flowsOf(api);
  const names = flows.map(({ provider, flow }) => `${provider} ${flow}`);
  report.step('flows', names.join(', '), {
    'all are offered': [...names].sort().join() === [...EXPECTED_FLOWS].sort().join(),
  });
  const wanted = flows.filter(({ provider }) => provider === (options.only ?? provider));
  if (wanted.length === 0) throw new Error(`no provider that can be connected here is called ${options.only ?? ''}`);
  for (const flow of wanted) {
    await walkFlow({ api, browser, report, returnUrl: product.returnUrl }, flow);
  }
  log(`${report.steps} steps, ${report.broken} of them broken; screenshots: ${pictures}`);
  return report.broken === 0;
}

async function flowsOf(api: ApiClient): Promise<readonly Flow[]> {
  const { data } = integrations.parse(await api.get('/v1/integrations'));
  return data.flatMap(({ provider, displayName, flows, environment }) =>
    flows.map((flow) => ({ provider, displayName, flow, environment: environment ?? 'sandbox' })),
  );
}

// The browser's words are read where no caller could catch.
process.once('uncaughtException', (error) => {
  console.error(error);
  cleanUp.abort();
});
try {
  const { help, only, pictures } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      only: { type: 'string' },
      pictures: { type: 'string' },
    },
  }).values;
  const browser = findBrowser(process.env['PATH']);
  if (help) {
    log(HELP);
  } else if (browser === null) {
    console.error('browser walk: there is no Chromium or Chrome on PATH. Install one to walk through the pages.');
    process.exitCode = NO_BROWSER_EXIT_CODE;
  } else {
    process.exitCode = (await main(browser, { only, pictures })) ? 0 : 1;
  }
} catch (error) {
  console.error(`browser walk: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  await cleanUp.run().catch((error: unknown) => {
    console.error(`browser walk: it could not clean up: ${messageOf(error)}`);
    process.exitCode = 1;
  });
}
