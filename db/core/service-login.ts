import postgres from 'postgres';

// Imports nothing of Drizzle: `npm start` needs only this file, and Drizzle takes it half a second.

/**
 * The role without ownership that every service connection takes on, so that row-level security applies to it.
 * Migrations create it.
 */
export const APPLICATION_ROLE = 'interlock_app';

export interface ServiceLogin {
  readonly name: string;
  /** Letters, digits, dashes and underscores. */
  readonly password: string;
}

/**
 * Creates the login that services connect with. It owns and inherits nothing and may only take on the application role,
 * so that a statement that leaves that role has no rights at all. Safe to repeat; sets the password anew. Returns the
 * URL for the services. Throws when the login of `ownerUrl` may not create roles. Needs a migrated database, or another
 * one in the same cluster.
 */
export async function ensureServiceLogin(ownerUrl: string, { name, password }: ServiceLogin): Promise<string> {
  if (!/^[\w-]+$/.test(password))
    throw new Error('The password of a service login holds letters, digits, - and _ only');
  const sql = postgres(ownerUrl, { max: 1, connect_timeout: 10, onnotice: () => undefined });
  try {
    // DDL takes no parameters: the name is quoted, and the password contains nothing to quote. A new role has only the
    // attributes named here; removing one by name needs a superuser.
    const login = `"${name.replaceAll('"', '""')}"`;
    await sql.unsafe(`
      do $$ begin create role ${login}; exception when duplicate_object or unique_violation then null; end $$;
      alter role ${login} login noinherit password '${password}';
      grant ${APPLICATION_ROLE} to ${login};`);
  } finally {
    await sql.end({ timeout: 5 }).catch(() => undefined);
  }
  const url = new URL(ownerUrl);
  url.username = encodeURIComponent(name);
  url.password = password;
  return url.href;
}
