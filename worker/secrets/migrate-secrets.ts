import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { MigratedConnectionStore } from '../../db/connections/migrated-connection-store.ts';
import { openPredecessorSecret } from '../../vault/predecessor-secret.ts';
import type { Secret } from '../../vault/secret.ts';
import { VaultError } from '../../vault/vault-error.ts';
import type { Opener, Sealer } from '../../vault/vault.ts';
import { API_KEY, parseLine } from './source-line.ts';
import type { SourceLine } from './source-line.ts';

export interface MigrateSecretsDeps {
  readonly connections: ConnectionStore;
  readonly migrated: MigratedConnectionStore;
  readonly sealer: Sealer;
  readonly opener: Opener;
}

export interface MigrateSecretsOptions {
  readonly lines: AsyncIterable<string>;
  readonly passphrase: Secret;
  /** Name under which the whole batch can be confirmed or undone. */
  readonly batch: string;
  /** Decrypts, seals and compares, but writes nothing. */
  readonly dryRun: boolean;
  /** Called for each line that is not migrated and after every 100 lines. Gets nothing of a line's content. */
  readonly tell: (message: string) => void;
}

/** Number of lines per outcome. In a dry run, `migrated` counts the lines that would be migrated. */
export interface MigrationReport {
  readonly migrated: number;
  /** Lines whose key an earlier run has stored already. */
  readonly unchanged: number;
  /** Lines whose account has a newer key, which the venue entered here. The newer key stays. */
  readonly kept: number;
  readonly refused: number;
}

type Outcome = keyof MigrationReport;

class LineRefused extends Error {}

const LINES_AT_ONCE = 100;

/**
 * Moves a predecessor's secrets into the vault line by line, and compares what is stored with what was read. Never
 * overwrites a key. Can be stopped and started again at any time. Throws when the key service or the database fails;
 * what was stored before stays.
 */
export async function migrateSecrets(
  deps: MigrateSecretsDeps,
  options: MigrateSecretsOptions,
): Promise<MigrationReport> {
  const report = { migrated: 0, unchanged: 0, kept: 0, refused: 0 };
  let number = 0;
  for await (const line of options.lines) {
    number += 1;
    if (line.trim() === '') continue;
    report[await migrateLine(deps, options, { line, number })] += 1;
    if (number % LINES_AT_ONCE === 0) options.tell(`${number} lines: ${JSON.stringify(report)}`);
  }
  return report;
}

async function migrateLine(
  deps: MigrateSecretsDeps,
  options: MigrateSecretsOptions,
  { line, number }: { readonly line: string; readonly number: number },
): Promise<Outcome> {
  try {
    const outcome = await migrateOne(deps, options, line);
    if (outcome === 'kept')
      options.tell(`line ${number}: the venue has entered another key for this account; it stays`);
    return outcome;
  } catch (error) {
    if (!(error instanceof LineRefused)) throw error;
    options.tell(`line ${number}: ${error.message}`);
    return 'refused';
  }
}

async function migrateOne(
  deps: MigrateSecretsDeps,
  { passphrase, batch, dryRun }: MigrateSecretsOptions,
  text: string,
): Promise<Outcome> {
  const parsed = parseLine(text);
  if (!parsed.ok) throw new LineRefused(parsed.reason);
  const { line } = parsed;
  const key = openKey(line, passphrase);
  const venueId = await deps.migrated.findVenue(line.venue);
  if (venueId === null) throw new LineRefused('names a venue that is not here');
  const { provider, environment, externalAccountId } = line;
  const known = await deps.connections.findByAccount(venueId, { provider, environment, externalAccountId });
  if (known !== null) return compare(deps, { venueId, connectionId: known }, key);

  const ref = { venueId, connectionId: uuidv7() as ConnectionId };
  const context = { ...ref, purpose: 'provider-api-key' } as const;
  const sealedKey = await deps.sealer.seal(key, context);
  if ((await deps.opener.open(sealedKey, context)).expose() !== key.expose())
    throw new Error('a secret that was just sealed opens to something else');
  if (dryRun) return 'migrated';
  const account = { id: externalAccountId, name: line.accountName };
  const added = await deps.migrated.add(
    { ...ref, provider, environment, account, scopes: line.scopes, sealedKey },
    batch,
  );
  // Somebody connected the account at the same moment.
  if (!added) return 'kept';
  if ((await compare(deps, ref, key)) !== 'unchanged')
    throw new Error('a secret that was just stored opens to something else');
  return 'migrated';
}

function openKey({ ciphertext }: SourceLine, passphrase: Secret): Secret {
  try {
    const key = openPredecessorSecret(ciphertext, passphrase);
    if (API_KEY.test(key.expose())) return key;
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
  }
  throw new LineRefused('cannot be opened with this passphrase, or does not hold an API key');
}

/** Checks that the stored key equals the key that was read. */
async function compare(
  { connections, opener }: MigrateSecretsDeps,
  ref: { readonly venueId: VenueId; readonly connectionId: ConnectionId },
  key: Secret,
): Promise<'unchanged' | 'kept'> {
  const stored = await connections.findApiKey(ref);
  if (!stored) return 'kept';
  const opened = await opener.open(stored.sealedKey, { ...ref, purpose: 'provider-api-key' });
  return opened.expose() === key.expose() ? 'unchanged' : 'kept';
}
