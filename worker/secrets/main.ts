import { open, readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { exitOnConfigError } from '../../config/config-error.ts';
import { readWorkerConfig } from '../../config/config.ts';
import { createAuditStore } from '../../db/core/audit-store.ts';
import { createConnectionStore } from '../../db/connections/connection-store.ts';
import { createMigratedConnectionStore } from '../../db/connections/migrated-connection-store.ts';
import { checkDatabase } from '../../db/core/startup-check.ts';
import { openDatabase } from '../../db/core/venue-scope.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { checkKeyAccess } from '../../vault/startup-check.ts';
import { migrateSecrets } from './migrate-secrets.ts';

const USAGE = `Usage: node worker/secrets/main.ts <command>, with the environment of a worker

  migrate --file <ndjson> --passphrase-file <file> --batch <name> [--dry-run]
  rollback --batch <name>     removes what a batch has added, where nobody has used it
  confirm --batch <name>      keeps it for good
  shred --venue <id> --actor <who>
                              deletes every stored credential of a venue

docs/operations/migrate-secrets.md and rotate-keys.md describe them. Ends with 0 when done, 1 when lines were refused, something was left or
a service failed, 2 when it was called wrongly.`;

const OPTIONS = {
  file: { type: 'string' },
  'passphrase-file': { type: 'string' },
  batch: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  venue: { type: 'string' },
  actor: { type: 'string' },
} as const;

class UsageError extends Error {}

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** Prints what was done. Never prints a secret, nor anything of a line but its number. */
async function main(): Promise<number> {
  const { command, values } = readArguments();
  const config = exitOnConfigError(() => readWorkerConfig(process.env, PROVIDERS));
  const db = openDatabase({ url: config.databaseUrl, maxConnections: 4, applicationName: 'interlock-secrets' });
  try {
    await checkDatabase(db);
    const audit = createAuditStore(db);
    const migrated = createMigratedConnectionStore(db, audit);
    if (command === 'rollback') {
      const { removed, inUse } = await migrated.rollBack(need(values, 'batch'));
      say(`${removed} connections removed, ${inUse} left because they are in use`);
      return inUse === 0 ? 0 : 1;
    }
    if (command === 'confirm') {
      say(`${await migrated.confirm(need(values, 'batch'))} connections confirmed`);
      return 0;
    }
    if (command === 'shred') {
      const venueId = await migrated.findVenue(need(values, 'venue'));
      if (venueId === null) throw new UsageError('there is no such venue');
      say(
        `${await migrated.shred(venueId, need(values, 'actor'))} credentials deleted; what backups hold of them opens until the key is rotated and destroyed`,
      );
      return 0;
    }
    const [file, passphraseFile, batch] = [
      need(values, 'file'),
      need(values, 'passphrase-file'),
      need(values, 'batch'),
    ];
    const passphrase = new Secret((await readFile(passphraseFile, 'utf8')).replace(/\r?\n$/, ''));
    const [sealer, opener] = [createSealer(config.keyring), createOpener(config.keyring)];
    const access = await checkKeyAccess(sealer, opener);
    if (access.state === 'unavailable') throw new Error(`the key service does not answer (${String(access.code)})`);
    const deps = { connections: createConnectionStore(db), migrated, sealer, opener };
    const report = await migrateSecrets(deps, {
      lines: (await open(file)).readLines(),
      passphrase,
      batch,
      dryRun: values['dry-run'],
      tell: say,
    });
    say(`${values['dry-run'] ? 'dry run, nothing written: ' : ''}${JSON.stringify(report)}`);
    return report.refused === 0 ? 0 : 1;
  } finally {
    await db.$client.end({ timeout: 5 }).catch(() => undefined);
  }
}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: OPTIONS });
    const [command, ...rest] = positionals;
    if (rest.length === 0 && ['migrate', 'rollback', 'confirm', 'shred'].includes(command ?? ''))
      return { command, values };
  } catch {
    // An unknown option: the usage below lists the known ones.
  }
  throw new UsageError(USAGE);
}

function need(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new UsageError(`--${name} is needed\n\n${USAGE}`);
  return value;
}

function say(message: string): void {
  process.stdout.write(`${message}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
