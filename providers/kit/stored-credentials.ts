import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import type { SessionCredential } from '../oauth.ts';
import type { CredentialValues } from './connect-methods.ts';

/** Entered credentials in their stored form: one text to seal, and the fields that are not secret. */
export interface StoredCredentials {
  readonly secret: Secret;
  /** Null: the only field is secret, and `secret` is its value. Otherwise `secret` holds the secret fields as JSON. */
  readonly fields: Readonly<Record<string, string>> | null;
}

export function toStored(values: CredentialValues): StoredCredentials {
  const entries = Object.entries(values);
  const [only] = entries;
  if (entries.length === 1 && only?.[1] instanceof Secret) return { secret: only[1], fields: null };
  const secrets = entries.flatMap(([name, value]) =>
    value instanceof Secret ? [[name, value.expose()] as const] : [],
  );
  const fields = entries.flatMap(([name, value]) => (value instanceof Secret ? [] : [[name, value] as const]));
  return { secret: new Secret(JSON.stringify(Object.fromEntries(secrets))), fields: Object.fromEntries(fields) };
}

const secretsSchema = z.record(
  z.string(),
  z.string().transform((value) => new Secret(value)),
);

/** The credentials that open a session. The first secret field is its `secretKey`. */
export function fromStored({ secret, fields }: StoredCredentials): SessionCredential {
  if (fields === null) return { secretKey: secret };
  const { data } = secretsSchema.safeParse(parsed(secret));
  const [first] = Object.values(data ?? {});
  // The cause is dropped because it may quote the text.
  if (!data || !first) throw new Error('stored credentials are not of their shape');
  return { secretKey: first, fields: { ...fields, ...data } };
}

function parsed(secret: Secret): unknown {
  try {
    return JSON.parse(secret.expose());
  } catch {
    return null;
  }
}
