import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { z } from 'zod';
import { createJson, readJson } from './files.ts';
import { StartError } from './start-error.ts';

const localSecrets = z.object({
  jwtSecret: z.string().min(32),
  /** 32 bytes in base64. Wraps data keys when there is no KMS. */
  encryptionKey: z.string().min(32),
  databasePassword: z.string().min(16),
});
export type LocalSecrets = Readonly<z.output<typeof localSecrets>>;

/**
 * The secrets of this home: created once, stored with mode 600.
 * @throws {StartError} when the file exists and is unusable. Replacing it would make stored credentials unreadable.
 */
export function loadSecrets(file: string): LocalSecrets {
  createJsonIfAbsent(file);
  const parsed = localSecrets.safeParse(readJson(file));
  if (!parsed.success) {
    throw new StartError(
      `${file} is damaged: restore it, or begin anew with \`npm start -- --fresh\`, which deletes all local data.`,
    );
  }
  // Copying or restoring a home may have widened the mode.
  chmodSync(file, 0o600);
  return parsed.data;
}

/** Null when no secrets exist yet. Creates none. */
export function readSecrets(file: string): LocalSecrets | null {
  return localSecrets.safeParse(readJson(file)).data ?? null;
}

function createJsonIfAbsent(file: string): void {
  const made: LocalSecrets = {
    jwtSecret: randomBytes(48).toString('base64url'),
    encryptionKey: randomBytes(32).toString('base64'),
    databasePassword: randomBytes(24).toString('base64url'),
  };
  createJson(file, made);
}
