import { randomBytes, randomInt } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findPython } from '../../runtime/processes/python-environment.ts';
import { createCleanUp } from '../../runtime/start/clean-up.ts';
import { messageOf } from '../../runtime/start/start-error.ts';
import { prepareCopy } from '../service-copy.ts';
import type { StartedCopy } from '../service-copy.ts';
import { targetsOf } from './fuzz-targets.ts';
import type { Targets } from './fuzz-targets.ts';

// Sends valid and invalid requests generated from our OpenAPI document to a copy of the whole service on this machine.
// No answer may be a 5xx, and none may contradict the document. Run by hand: npm run fuzz
const HELP = `Usage: npm run fuzz [-- --seed <number> --examples <number> --only <operationId>]

Fuzzes every operation with schemathesis. Exit code 0: nothing was found; 1: something was; 2: schemathesis cannot be had here.
  --seed      repeats a run: the requests follow from it and from the document
  --examples  random requests of each operation, beside those that cover each rule of its schema; 30 without it
  --only      one operation
  --report    where the requests and answers of failures go; a new temporary folder without it`;
const UNAVAILABLE_EXIT_CODE = 2;
const MAX_SEED = 2 ** 31;

const PACKAGES = {
  folder: 'schemathesis-4.32.5',
  requirements: fileURLToPath(new URL('schemathesis-requirements.txt', import.meta.url)),
};

/**
 * All checks except those for acceptance of a request: a document cannot tell which id exists, or which secret fits.
 */
const DISABLED_CHECKS = [
  'positive_data_acceptance',
  'ensure_resource_availability',
  'use_after_free',
  'object_level_authorization',
];

/** The fuzzer is one caller that is in a hurry: what is tested is what the operations do, not the limits before them. */
const WITHOUT_LIMITS = {
  RATE_LIMIT_PER_CALLER_PER_MINUTE: '1000000',
  RATE_LIMIT_PER_VENUE_PER_MINUTE: '1000000',
  RATE_LIMIT_STARTS_PER_VENUE_PER_MINUTE: '1000000',
  RATE_LIMIT_CONNECTING_PER_VENUE_PER_TEN_MINUTES: '1000000',
};

const cleanUp = createCleanUp();
const log = (line: string): void => {
  console.log(line);
};

interface FuzzOptions {
  readonly seed: number;
  readonly examples: string;
  readonly only: string | undefined;
  readonly report: string | undefined;
}

async function main(python: string, { seed, examples, only, report }: FuzzOptions): Promise<boolean> {
  log(`seed ${seed}`);
  const name = `interlock_fuzz_${randomBytes(4).toString('hex')}`;
  // Not created by mkdtemp, whose folder the user that runs Postgres under root could not enter.
  const folder = path.join(tmpdir(), name);
  const reports = path.resolve(report ?? path.join(tmpdir(), `${name}_report`));
  mkdirSync(reports, { recursive: true });
  const copy = await prepareCopy({ folder, env: WITHOUT_LIMITS, log });
  cleanUp.add(() => copy.stop());
  const started = await copy.bringUp();
  const configFile = path.join(reports, 'schemathesis.toml');
  writeFileSync(configFile, configOf(started, await targetsOf(started)));
  const child = spawn(
    python,
    [
      ...['-m', 'schemathesis.cli', '--config-file', configFile, 'run', `${started.apiUrl}/openapi.json`],
      ...['--seed', String(seed), '--max-examples', examples, '--workers', '1', '--continue-on-failure'],
      ...['--phases', 'examples,coverage,fuzzing', '--request-timeout', '60'],
      ...['--report', 'ndjson', '--report-ndjson-path', path.join(reports, 'events.ndjson'), '--warnings', 'off'],
      ...(only === undefined ? [] : ['--include-operation-id', only]),
    ],
    { cwd: reports, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  cleanUp.add(() => Promise.resolve(child.kill()));
  const [code] = (await once(child, 'exit')) as [number | null];
  log(`seed ${seed}: ${code === 0 ? 'nothing was found' : `something was found; requests and answers: ${reports}`}`);
  return code === 0;
}

/** Uses real ids as path parameters, because every request would otherwise end with 404. */
function configOf({ token }: StartedCopy, { parameters, closable }: Targets): string {
  const lines = (of: Readonly<Record<string, string>>) =>
    Object.entries(of).map(([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`);
  return [
    '[headers]',
    `Authorization = ${JSON.stringify(`Bearer ${token}`)}`,
    '[parameters]',
    ...lines(parameters),
    '[checks]',
    ...DISABLED_CHECKS.map((check) => `${check}.enabled = false`),
    // Besides the usual statuses 413: a list with too many items may exceed the size of a body.
    'negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422]',
    // OpenAPI 3.1 can describe an event stream only as a string, and schemathesis 4.32.5 compares each event with that.
    // An empty Last-Event-ID opens a stream from its start.
    '[[operations]]',
    'include-operation-id = "watchSync"',
    '[operations.checks]',
    'response_schema_conformance.enabled = false',
    'negative_data_rejection.enabled = false',
    // A load answers 200 and lists the records that are wrong.
    '[[operations]]',
    'include-operation-id-regex = "^load"',
    '[operations.checks]',
    'negative_data_rejection.enabled = false',
    ...closable.flatMap(({ operationId, parameters: own }) => [
      '[[operations]]',
      `include-operation-id = ${JSON.stringify(operationId)}`,
      '[operations.parameters]',
      ...lines(own),
    ]),
    '',
  ].join('\n');
}

try {
  const { help, seed, ...options } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      seed: { type: 'string' },
      examples: { type: 'string', default: '30' },
      only: { type: 'string' },
      report: { type: 'string' },
    },
  }).values;
  const found = help ? null : await findPython(PACKAGES);
  if (found === null) {
    log(HELP);
  } else if ('missing' in found) {
    console.error(`fuzz: schemathesis cannot be had here: ${found.missing}`);
    process.exitCode = UNAVAILABLE_EXIT_CODE;
  } else {
    const { only, report, examples } = options;
    const number = seed === undefined ? randomInt(MAX_SEED) : Number(seed);
    process.exitCode = (await main(found.python, { seed: number, examples, only, report })) ? 0 : 1;
  }
} catch (error) {
  console.error(`fuzz: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  await cleanUp.run().catch((error: unknown) => {
    console.error(`fuzz: it could not clean up: ${messageOf(error)}`);
    process.exitCode = 1;
  });
}
