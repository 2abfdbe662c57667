import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { homeOf, readEnvFile } from './start/home.ts';
import { isAlive } from './processes/processes.ts';
import { readSecrets } from './start/secrets.ts';
import { ROLES, signToken } from './start/tokens.ts';
import { messageOf } from './start/start-error.ts';
import { runningInstance } from './start/instance.ts';
import { UsageError } from './cli/usage-error.ts';
import type { Env, Home } from './start/home.ts';
import type { TokenRequest } from './start/tokens.ts';

const HELP = `Usage: npm run -s interlock -- <command>

  token   print a token for the API and nothing else
            --role viewer|operator|admin   default viewer
            --venue <id>                   repeat it for several; an admin without it reaches all
            --subject <name>               the actor in the audit log; default "cli"
            --ttl <seconds>                default 3600
  queue   slow, pause or release a provider's syncs for all venues: docs/operations/queues.md
            --provider <id>
            --rate <n>|pause|release       chunks of syncs that may begin per second
  status  what runs on this home, and where; exit code 1 when nothing does
  stop    stop what runs on this home
  help    this text

INTERLOCK_HOME names the home; default .interlock`;

const STOP_LIMIT_MS = 90_000;
const MAX_TTL_S = 366 * 24 * 3_600;

const commands: Readonly<Record<string, (args: string[], env: Env) => Promise<number> | number>> = {
  token: printToken,
  // Loaded when it is asked for: the providers and the database take most of a second, which no other command needs.
  queue: async (args, env) => {
    const [{ PROVIDERS }, { brakeQueue }] = await Promise.all([
      import('../providers/registry.ts'),
      import('./cli/queue-command.ts'),
    ]);
    const ids = PROVIDERS.map(({ id }) => id);
    return brakeQueue(args, env, ids);
  },
  status: (args, env) => withoutArguments(args, () => printStatus(homeOf(env))),
  stop: (args, env) => withoutArguments(args, () => stopInstance(homeOf(env))),
  help: (args) =>
    withoutArguments(args, () => {
      console.log(HELP);
      return 0;
    }),
};

async function main([name = 'help', ...args]: readonly string[], env: Env): Promise<number> {
  try {
    const command = Object.hasOwn(commands, name.replace(/^--?/, '')) ? commands[name.replace(/^--?/, '')] : undefined;
    if (command === undefined)
      throw new UsageError(`there is no command "${name}": token, queue, status, stop and help are known`);
    return await command(args, env);
  } catch (error) {
    console.error(`interlock: ${messageOf(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function printToken(args: string[], env: Env): Promise<number> {
  const request = readTokenRequest(args, env);
  const secret = env['JWT_SECRET'] || readSecrets(homeOf(env).secretsFile)?.jwtSecret;
  if (secret === undefined)
    throw new Error('there is no secret to sign with: set JWT_SECRET, or run `npm start` once on this home');
  console.log(await signToken(request, secret));
  return 0;
}

function readTokenRequest(args: string[], env: Env): TokenRequest {
  const { role, venue, subject, ttl } = parseTokenArguments(args);
  const known = ROLES.find((name) => name === role);
  if (known === undefined) throw new UsageError(`--role must be ${ROLES.join(', ')}`);
  const bad = venue.find((id) => !z.uuid().safeParse(id).success);
  if (bad !== undefined) throw new UsageError(`--venue must be the id of a venue, a UUID; "${bad}" is not one`);
  if (venue.length === 0 && known !== 'admin')
    throw new UsageError('--venue <id> is needed: only an admin reaches all venues');
  return {
    role: known,
    subject,
    ttlSeconds: toSeconds(ttl),
    venues: venue.length === 0 ? '*' : venue,
    issuer: env['JWT_ISSUER'] || undefined,
    audience: env['JWT_AUDIENCE'] || undefined,
  };
}

function toSeconds(ttl: string): number {
  const seconds = /^\d{1,9}$/.test(ttl) ? Number(ttl) : 0;
  if (seconds < 1 || seconds > MAX_TTL_S)
    throw new UsageError(`--ttl must be a whole number of seconds from 1 to ${MAX_TTL_S}`);
  return seconds;
}

function parseTokenArguments(args: string[]): { role: string; venue: string[]; subject: string; ttl: string } {
  try {
    return parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: {
        role: { type: 'string', default: 'viewer' },
        venue: { type: 'string', multiple: true, default: [] },
        subject: { type: 'string', default: 'cli' },
        ttl: { type: 'string', default: '3600' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(
      messageOf(error)
        .split('\n')[0]
        ?.replace(/\.? To specify .*$/, ''),
    );
  }
}

function printStatus(home: Home): number {
  const running = runningInstance(home);
  if (running === null) {
    console.log(`nothing runs on ${home.folder}`);
    return 1;
  }
  console.log(`Interlock ${running.apiUrl === null ? 'is starting' : `runs at ${running.apiUrl}`} (${home.folder})`);
  const processes = { supervisor: running.supervisor, ...running.children };
  for (const [name, mark] of Object.entries(processes))
    console.log(`  ${name.padEnd(10)} ${isAlive(mark) ? `process ${mark.pid}` : 'down, being restarted'}`);
  return 0;
}

async function stopInstance(home: Home): Promise<number> {
  const running = runningInstance(home);
  if (running === null) {
    console.log(`nothing runs on ${home.folder}`);
    return 0;
  }
  process.kill(running.supervisor.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_LIMIT_MS;
  while (isAlive(running.supervisor)) {
    if (performance.now() > deadline)
      throw new Error(`process ${running.supervisor.pid} has not ended after ${STOP_LIMIT_MS / 1_000} s`);
    await sleep(100);
  }
  console.log('stopped');
  return 0;
}

function withoutArguments<Result>(args: readonly string[], run: () => Result): Result {
  if (args.length > 0) throw new UsageError(`"${args.join(' ')}" is not understood: this command takes no arguments`);
  return run();
}

readEnvFile();
process.exitCode = await main(process.argv.slice(2), process.env);
