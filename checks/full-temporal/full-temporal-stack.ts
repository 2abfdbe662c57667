import { readFileSync } from 'node:fs';
import path from 'node:path';
import postgres from 'postgres';
import { parse } from 'yaml';
import { z } from 'zod';
import { REPOSITORY } from '../../runtime/start/home.ts';

/** The files of temporal-docker/, used without containers. */
export const STACK_FOLDER = path.join(REPOSITORY, 'temporal-docker');
export const DYNAMIC_CONFIG_FILE = path.join(STACK_FOLDER, 'dynamicconfig', 'interlock.yaml');
export const SCHEMA_SCRIPT = path.join(STACK_FOLDER, 'scripts', 'setup-schema.sh');
export const NAMESPACE_SCRIPT = path.join(STACK_FOLDER, 'scripts', 'setup-namespace.sh');

const composeFile = z.object({
  services: z.record(z.string(), z.object({ environment: z.record(z.string(), z.string()).default({}) })),
});

/**
 * The environment that compose.yaml gives to a service, with `dotenv` in place of `.env`.
 * @throws Error naming a variable that compose.yaml requires and `dotenv` lacks.
 */
export function composeEnvironment(service: string, dotenv: Readonly<Record<string, string>>): Record<string, string> {
  // The keys of `<<` are taken in, as Compose does.
  const { services } = composeFile.parse(
    parse(readFileSync(path.join(STACK_FOLDER, 'compose.yaml'), 'utf8'), { merge: true }),
  );
  const environment = services[service]?.environment ?? {};
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, interpolate(value, dotenv)]));
}

/** `${NAME:-default}` and `${NAME:?message}`: the forms that compose.yaml uses. */
function interpolate(text: string, dotenv: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{\w+:[-?][^}]*\}/g, (whole) => {
    const [, name = '', form = '', rest = ''] = /^\$\{(\w+):([-?])(.*)\}$/.exec(whole) ?? [];
    const value = dotenv[name] ?? '';
    if (value === '' && form === '?') throw new Error(`${name} is missing: ${rest}`);
    return value === '' ? rest : value;
  });
}

/** Runs a file of temporal-docker/postgres as the Postgres image does with psql; `env` holds what it reads by `\getenv`. */
export async function createDatabases(
  adminUrl: string,
  file: 'temporal.sql' | 'interlock.sql',
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const values = new Map<string, string>();
  const script = readFileSync(path.join(STACK_FOLDER, 'postgres', file), 'utf8')
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/^\\getenv (\w+) (\w+)$/gm, (_, name: string, variable: string) => {
      values.set(name, env[variable] ?? '');
      return '';
    });
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    for (const statement of script
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part !== '')) {
      await sql.unsafe(
        statement.replaceAll(/:'(\w+)'/g, (_, name: string) => `'${(values.get(name) ?? '').replaceAll("'", "''")}'`),
      );
    }
  } finally {
    await sql.end({ timeout: 5 }).catch(() => undefined);
  }
}
