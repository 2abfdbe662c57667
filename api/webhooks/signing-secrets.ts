import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';

/** What is stored sealed for a connection's own address. */
const storedSchema = z.object({
  current: z.string(),
  /** The secret before, which also counts until `endsAt`, as long as the provider signs with both. */
  previous: z.object({ secret: z.string(), endsAt: z.iso.datetime() }).nullable(),
});

/** The secrets that count now. */
export function acceptedSecrets(stored: Secret, now: Date): readonly Secret[] {
  const { current, previous } = storedSchema.parse(JSON.parse(stored.expose()));
  const secrets = previous && new Date(previous.endsAt) > now ? [current, previous.secret] : [current];
  return secrets.map((secret) => new Secret(secret));
}

/** Puts a secret in the place of the current one, which counts for some time longer. */
export function rollSecret(
  stored: Secret | null,
  { next, previousEndsAt }: { readonly next: Secret; readonly previousEndsAt: Date },
): Secret {
  const current = stored && storedSchema.parse(JSON.parse(stored.expose())).current;
  return new Secret(
    JSON.stringify({
      current: next.expose(),
      previous: current === null ? null : { secret: current, endsAt: previousEndsAt.toISOString() },
    } satisfies z.input<typeof storedSchema>),
  );
}
