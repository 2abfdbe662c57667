import { parseArgs } from 'node:util';
import { exitOnConfigError } from '../config/config-error.ts';
import { readMigrationConfig } from '../config/config.ts';
import { migrateDown, migrateUp, readMigrationStatus } from './core/migrate.ts';

const USAGE = 'Usage: node db/main.ts up | down --to <migration> | status';

/** Command line of the migrations. Exits with 0 when done, 1 when the database refused, 2 for wrong arguments. */
async function main(): Promise<number> {
  const { command, to } = readArguments();
  if (command === null) {
    console.error(USAGE);
    return 2;
  }
  const { databaseUrl: url } = exitOnConfigError(() => readMigrationConfig(process.env));
  const log = (message: string) => {
    console.log(message);
  };
  if (command === 'up') console.log(`The database has migration ${await migrateUp({ url, log })}`);
  if (command === 'down') console.log(`The database has migration ${await migrateDown({ url, to, log })}`);
  if (command === 'status') {
    const { version, newest } = await readMigrationStatus({ url });
    console.log(`The database has migration ${version} of ${newest}`);
  }
  return 0;
}

function readArguments(): { readonly command: 'up' | 'down' | 'status' | null; readonly to: number } {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: { to: { type: 'string' } } });
    const [command, ...rest] = positionals;
    if (rest.length === 0 && values.to === undefined && (command === 'up' || command === 'status'))
      return { command, to: 0 };
    // The target version has no default, because undoing a migration loses its data.
    if (rest.length === 0 && command === 'down' && /^\d{1,6}$/.test(values.to ?? ''))
      return { command, to: Number(values.to) };
  } catch {
    // An unknown option: the usage below lists the known ones.
  }
  return { command: null, to: 0 };
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(
    error instanceof Error && error.message !== ''
      ? error.message
      : `The database does not answer (${String((error as { code?: unknown }).code)})`,
  );
  process.exitCode = 1;
}
