import type { ProviderDefinition } from '../../providers/kit/define-provider.ts';
import { scopesMissing } from '../../providers/kit/needed-scopes.ts';
import { z } from 'zod';
import { ofWhole, whereRight } from './combined-fields.ts';
import type { Connection } from '../../db/connections/connection-store.ts';
import { isChosen } from '../../domain/grants/account-choice.ts';
import type { AccountChoice } from '../../domain/grants/account-choice.ts';
import type { FullPasses } from '../../domain/sync/full-pass.ts';
import { notesOf } from '../../domain/grants/connection-notes.ts';
import { MAX_RETURN_URL_LENGTH } from '../../domain/grants/return-url.ts';
import { GRANT_ACCOUNT_KINDS } from '../../contracts/providers.ts';
import type { GrantAccountKind, ProviderId } from '../../contracts/providers.ts';
import { apiKey } from '../../providers/kit/connect-methods.ts';
import type { CredentialFields, CredentialValues } from '../../providers/kit/connect-methods.ts';
import { credentialsMethodOf } from '../../providers/kit/define-provider.ts';
import type { Providers } from '../../providers/providers.ts';
import { Secret } from '../../vault/secret.ts';
import type { StartedAuthorization } from '../connections/authorize.ts';
import { orNull, pageOf, timestamp } from './common.ts';
import { connectionState, environment, oauthFlow, provider, providerOf, direction, resource } from './words.ts';

/** RFC 6749 section 3.3 (October 2012). */
export const scope = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]*$/, 'Must be a scope as OAuth 2.0 has them');

export const returnUrl = z.string().max(MAX_RETURN_URL_LENGTH);

const wishes = {
  scopes: z
    .array(scope)
    .min(1)
    .max(50)
    .refine((scopes) => new Set(scopes).size === scopes.length, ofWhole('Must name each scope once'))
    .optional()
    .meta({
      description:
        'What the owner is asked to approve, each scope once. Without it: what a sync of all resources needs.',
      uniqueItems: true,
    }),
  returnUrl: returnUrl.optional().meta({
    description:
      'Where the owner is sent afterwards, with `connectionId`, `outcome` (`connected`, `refused`, `pending`) and `code` added to its query. Must lie under a URL in RETURN_URLS. Without it they see a page of ours.',
  }),
};

/** Credentials with these fields. Secret ones are wrapped at once, so that nothing can print them. */
const credentialsOf = (fields: CredentialFields): z.ZodType<CredentialValues> =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(fields).map(([name, { description, secret, schema }]) => [
        name,
        secret
          ? schema.transform((value) => new Secret(value)).meta({ description, format: 'password' })
          : schema.meta({ description }),
      ]),
    ),
  );

/** Each by itself, so that one that is wrong hides no other. */
const CONSENT_FIELDS = ['flow', 'scopes', 'returnUrl'] as const;

const newConnectionOf = (ids: readonly ProviderId[], credentials: z.ZodType<CredentialValues>) =>
  CONSENT_FIELDS.reduce(
    (body, name) =>
      body.superRefine(({ credentials: entered, [name]: value }, context) => {
        if (entered !== undefined && value !== undefined)
          context.addIssue({
            code: 'custom',
            path: [name],
            message: 'Only for connecting by consent: not together with `credentials`',
          });
      }, whereRight(name)),
    z.strictObject({
      provider: providerOf(ids),
      environment,
      credentials: credentials.optional().meta({ description: 'Without it the account’s owner is asked for consent.' }),
      flow: oauthFlow.optional(),
      ...wishes,
    }),
  );

/** A body whose fields depend on the provider. */
export interface ProviderBody<Schema extends z.ZodType, Wanted> {
  /** The schema that the OpenAPI document shows: credentials of any provider. */
  readonly shown: Schema;
  /** The schema that checks a body: credentials of one provider. */
  readonly for: (wanted: Wanted) => Schema;
}

type KnownProviders = Pick<Providers, 'ids' | 'definition'>;

/** The body of a request for a new connection. It names its provider itself. */
export function newConnectionBody(
  providers: KnownProviders,
): ProviderBody<ReturnType<typeof newConnectionOf>, unknown> {
  const { ids } = providers;
  const { any, usual, byProvider } = credentialSchemas(providers);
  const shown = newConnectionOf(ids, any).meta({ id: 'NewConnection' });
  const checked = new Map([...byProvider].map(([id, credentials]) => [id, newConnectionOf(ids, credentials)]));
  const usualCheck = newConnectionOf(ids, usual);
  return { shown, for: (input) => checked.get(namedProvider.safeParse(input).data?.provider ?? '') ?? usualCheck };
}

const connectionChangesOf = (credentials: z.ZodType<CredentialValues>) =>
  z.strictObject({
    credentials: credentials.meta({ description: 'The new key, as `POST …/connections` takes it.' }),
  });

/** The body of a request that changes a connection, whose provider is known. */
export function connectionChangesBody(
  providers: KnownProviders,
): ProviderBody<ReturnType<typeof connectionChangesOf>, ProviderId> {
  const { any, usual, byProvider } = credentialSchemas(providers);
  const shown = connectionChangesOf(any).meta({ id: 'ConnectionChanges' });
  const checked = new Map([...byProvider].map(([id, credentials]) => [id, connectionChangesOf(credentials)]));
  const usualCheck = connectionChangesOf(usual);
  return { shown, for: (provider) => checked.get(provider) ?? usualCheck };
}

/** For a provider without credentials the usual ones are accepted here and rejected later with a reason. */
function credentialSchemas({ ids, definition }: KnownProviders) {
  const fieldsOf = new Map(
    ids.map((id) => {
      const known = definition(id);
      return [id, ((known && credentialsMethodOf(known)) ?? apiKey()).fields];
    }),
  );
  const unlike = new Map([...fieldsOf.values()].map((fields) => [Object.keys(fields).join(), credentialsOf(fields)]));
  const [usual = credentialsOf(apiKey().fields), ...others] = unlike.values();
  const byProvider = new Map([...fieldsOf].map(([id, fields]) => [id, credentialsOf(fields)]));
  return { usual, any: others.length === 0 ? usual : z.union([usual, ...others]), byProvider };
}

const namedProvider = z.object({ provider: z.string() });

export const reauthorizeBody = z.strictObject(wishes).meta({ id: 'Reauthorization' });

const MAX_CHOSEN = 1_000;

export const accountChoiceBody = z
  .strictObject({
    chosen: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(MAX_CHOSEN)
      .refine((ids) => new Set(ids).size === ids.length, ofWhole('Must name each account once'))
      .nullable()
      .meta({ description: 'Ids of the accounts to sync; null: all, also those that come later.', uniqueItems: true }),
  })
  .meta({ id: 'AccountChoice' });

const grantAccountAnswer = z
  .object({
    id: z.string().meta({ description: 'The provider’s id of it.' }),
    name: z.string().nullable(),
    kind: z.enum(GRANT_ACCOUNT_KINDS),
    chosen: z.boolean().meta({ description: 'It is synced, from the next run on.' }),
    gone: z.boolean().meta({ description: 'The provider does not list it any more.' }),
  })
  .meta({ id: 'GrantAccount' });

export const grantAccountsAnswer = pageOf('GrantAccount', grantAccountAnswer)
  .extend({
    all: z.boolean().meta({ description: 'All are chosen, also those that come later.' }),
    listedAt: timestamp.meta({ description: 'When the provider was asked.' }),
  })
  .meta({ id: 'GrantAccounts' });

/** A choice that was listed at least once. */
export function presentAccounts(choice: AccountChoice, kind: GrantAccountKind): z.input<typeof grantAccountsAnswer> {
  const { listed, listedAt, chosen } = choice;
  return {
    data: (listed ?? []).map((account) => ({ ...account, kind, chosen: isChosen(choice, account) })),
    nextCursor: null,
    all: chosen === null,
    listedAt: (listedAt ?? new Date(0)).toISOString(),
  };
}

export const disconnectQuery = z.strictObject({
  records: z
    .enum(['keep', 'delete'])
    .default('keep')
    .meta({ description: '`delete` also deletes the records that only this connection has brought.' }),
});

export const connectionAnswer = z
  .object({
    id: z.uuid(),
    venueId: z.uuid(),
    provider,
    environment,
    state: connectionState,
    cause: z.string().nullable().meta({ description: 'Why the connection is not simply active.' }),
    since: timestamp.meta({ description: 'Since when it is in this state.' }),
    nextAction: z.string().nullable().meta({ description: 'What a person should do next.' }),
    account: z
      .object({ id: z.string(), name: z.string().nullable() })
      .nullable()
      .meta({ description: 'The account at the provider; null until its owner has approved.' }),
    flow: orNull(oauthFlow).meta({ description: 'How its owner granted access; null for a connection with a key.' }),
    scopes: z.array(z.string()),
    expiresAt: timestamp
      .nullable()
      .meta({ description: 'When the access dies unless something is done; null: never.' }),
    nextRefreshAt: timestamp.nullable().meta({ description: 'When the service renews it next; null: it need not.' }),
    notes: z
      .array(
        z
          .object({ code: z.string().meta({ description: 'Stable; more may come.' }), message: z.string() })
          .meta({ id: 'ConnectionNote' }),
      )
      .meta({
        description:
          'What is worth knowing and asks for nothing. `account-shared`: another venue has connected the same account.',
      }),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Connection' });

/** A single connection. */
export const connectionDetailAnswer = z
  .object({
    ...connectionAnswer.shape,
    fullPasses: z.array(z.object({ resource, direction, endedAt: timestamp }).meta({ id: 'FullPass' })).meta({
      description:
        'When a sync last went through everything, by a schedule or because somebody asked: by resource and direction, those that have.',
    }),
    apiVersion: z.object({ name: z.string(), endsOn: z.iso.date().nullable() }).nullable().meta({
      description:
        'The version of the provider’s API that the connection is synced with, and the day on which the provider ends it; null where it has announced none. Null when this service does not know the provider.',
    }),
    missingScopes: z.array(z.string()).meta({
      description:
        'Permissions that syncs of some resources need and that the owner has not granted. They are granted by approving once more; until then such syncs answer `scopes-missing`.',
    }),
  })
  .meta({ id: 'ConnectionDetail' });

export const connectionTestAnswer = z
  .object({
    outcome: z.enum(['accepted', 'refused', 'unavailable']).meta({
      description:
        '`refused`: the connection needs its owner, or another key. `unavailable`: the provider, or our key service, could not tell just now.',
    }),
    code: z
      .string()
      .nullable()
      .meta({ description: 'Of `unavailable`: why nobody could tell, as docs/errors.md has it; null otherwise.' }),
    testedAt: timestamp,
    connection: connectionAnswer,
  })
  .meta({ id: 'ConnectionTest' });

/** The answer that starts connecting by consent. `expiresAt` is the attempt's, because there is no access yet. */
export const startedAuthorizationAnswer = z
  .object({
    ...connectionAnswer.shape,
    authorizationUrl: z.url().meta({
      description:
        'To be opened by the account’s owner in a browser, which it marks with a cookie and leads on to the provider; the same browser has to come back. It carries the parameters of the provider’s URL, such as `state`, and two of ours. Who has it can finish the attempt: hand it to nobody else.',
    }),
    expiresAt: timestamp.meta({ description: 'Until when the owner can approve: ten minutes from now.' }),
  })
  .meta({ id: 'StartedAuthorization' });

export function presentAuthorization({
  connection,
  authorizationUrl,
  expiresAt,
}: StartedAuthorization): z.input<typeof startedAuthorizationAnswer> {
  return { ...presentConnection(connection), authorizationUrl, expiresAt: expiresAt.toISOString() };
}

export function presentConnection(connection: Connection): z.input<typeof connectionAnswer> {
  return {
    id: connection.id,
    venueId: connection.venueId,
    provider: connection.provider,
    environment: connection.environment,
    state: connection.state,
    cause: connection.cause,
    since: connection.since.toISOString(),
    nextAction: connection.nextAction,
    account: connection.account && { id: connection.account.id, name: connection.account.name },
    flow: connection.flow,
    scopes: [...connection.scopes],
    expiresAt: connection.expiresAt?.toISOString() ?? null,
    nextRefreshAt: connection.nextRefreshAt?.toISOString() ?? null,
    notes: notesOf(connection).map(({ code, message }) => ({ code, message })),
    createdAt: connection.createdAt.toISOString(),
    updatedAt: connection.updatedAt.toISOString(),
  };
}

export function presentConnectionDetail(
  connection: Connection,
  {
    fullPasses,
    definition,
  }: { readonly fullPasses: readonly FullPasses[]; readonly definition: ProviderDefinition | null },
): z.input<typeof connectionDetailAnswer> {
  const ended = fullPasses.flatMap(({ resource, direction, finishedAt }) =>
    finishedAt === null ? [] : [{ resource, direction, endedAt: finishedAt.toISOString() }],
  );
  return {
    ...presentConnection(connection),
    fullPasses: ended,
    apiVersion: definition && { ...definition.apiVersion },
    missingScopes: definition === null ? [] : [...scopesMissing(definition, connection.scopes)],
  };
}
