import { cleanDeep, cleanText } from '../domain/reference/foreign-text.ts';
import { unreadableRejection } from './items.ts';
import type { GrantAccount } from '../domain/grants/account-choice.ts';
import type { OAuthAdapter } from './oauth.ts';
import { ProviderError } from './provider-error.ts';
import type {
  BatchOutcome,
  BatchWriter,
  BulkRetrieval,
  BulkSearch,
  FoundRecords,
  ProviderRecord,
  ProviderSession,
  ResourceSession,
  ResourceWriter,
} from './provider.ts';
import type { ProviderId } from '../contracts/providers.ts';

const ID_ISSUES = 'id: holds characters that cannot be stored';

/**
 * A session whose answers contain only text that Postgres can store, whatever people typed at the provider.
 * Fingerprints and everything else derive from the cleaned text, so cleaning never looks like a change by the venue. An
 * object whose id would change by cleaning counts as unreadable, because an altered id names nothing at the provider.
 */
export function cleanSession(provider: ProviderId, session: ProviderSession): ProviderSession {
  const { eventFeed } = session;
  return {
    ...(eventFeed && {
      eventFeed: {
        listPage: async (query) => cleanDeep(await eventFeed.listPage(query)),
        isCursorGone: (details) => eventFeed.isCursorGone(details),
      },
    }),
    account: async () => cleanDeep(await session.account()),
    newestChangeEpochS: () => session.newestChangeEpochS(),
    resource: (resource) => cleanResource(provider, session.resource(resource)),
    ...(session.report && { report: cleanReports(session.report) }),
    ...(session.webhooks && { webhooks: session.webhooks }),
  };
}

/** As `cleanSession`, for the account whose owner has granted access. */
export const cleanOAuth = (adapter: OAuthAdapter): OAuthAdapter => ({
  ...adapter,
  account: async (grant, calls) => cleanDeep(await adapter.account(grant, calls)),
});

/**
 * As `cleanSession`, for the accounts that a grant opens. Throws when an id would be altered: nobody could choose that
 * account at the provider.
 */
export function cleanAccounts(provider: ProviderId, accounts: readonly GrantAccount[]): readonly GrantAccount[] {
  if (accounts.some(({ id }) => cleanText(id) !== id))
    throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: 200, code: 'unreadable-account' });
  return cleanDeep(accounts);
}

function cleanResource(provider: ProviderId, session: ResourceSession): ResourceSession {
  return {
    listPage: async (query) => cleanPage(await session.listPage(query)),
    count: () => session.count(),
    versionOf: (askedAtMs) => session.versionOf(askedAtMs),
    retrieve: cleanLookUp(provider, (externalId) => session.retrieve(externalId)),
    ...(session.retrieveMany && { retrieveMany: cleanRetrieval(session.retrieveMany) }),
    ...(session.retrieveAmended && { retrieveAmended: cleanLookUp(provider, session.retrieveAmended) }),
    writer: session.writer && cleanWriter(provider, session.writer),
  };
}

type LookUp = ResourceSession['retrieve'];

const cleanLookUp =
  (provider: ProviderId, lookUp: LookUp): LookUp =>
  async (id) => {
    const record = await lookUp(id);
    return record && cleanRecord(provider, record);
  };

const cleanReports =
  (report: NonNullable<ProviderSession['report']>): NonNullable<ProviderSession['report']> =>
  async (request) =>
    cleanDeep(await report(request));

function cleanWriter(provider: ProviderId, writer: ResourceWriter): ResourceWriter {
  return {
    ...(writer.prepare && { prepare: writer.prepare }),
    ...(writer.tellsRecordId && { tellsRecordId: true }),
    ...(writer.batch && { batch: cleanBatch(provider, writer.batch) }),
    create: async (mapped, options) => cleanRecord(provider, await writer.create(mapped, options)),
    update: async (externalId, mapped, options) =>
      cleanRecord(provider, await writer.update(externalId, mapped, options)),
    archive: (externalId, options) => writer.archive(externalId, options),
    findRemote: async (hint) => {
      const search = await writer.findRemote(hint);
      return { ...search, found: search.found && cleanRecord(provider, search.found) };
    },
    ...(writer.findMany && { findMany: cleanSearch(writer.findMany) }),
  };
}

/** One whose id would be altered is left to a look-up of its own, which tells it as unreadable. */
const cleanSearch = ({ size, find }: BulkSearch): BulkSearch => ({
  size,
  find: async (hints) =>
    new Map(
      [...(await find(hints))]
        .filter(([, record]) => record === null || hasCleanId(record))
        .map(([id, record]) => [id, record && cleanDeep(record)]),
    ),
});

function cleanBatch(provider: ProviderId, batch: BatchWriter): BatchWriter {
  return {
    ...batch,
    create: async (records, options) =>
      (await batch.create(records, options)).map((one) => cleanOutcome(provider, one)),
    update: async (records, options) =>
      (await batch.update(records, options)).map((one) => cleanOutcome(provider, one)),
  };
}

function cleanOutcome(provider: ProviderId, outcome: BatchOutcome): BatchOutcome {
  if (outcome instanceof ProviderError) return outcome;
  return hasCleanId(outcome) ? cleanDeep(outcome) : unreadableId(provider);
}

const cleanRetrieval = ({ size, read }: BulkRetrieval): BulkRetrieval => ({
  size,
  read: async (externalIds) => cleanPage(await read(externalIds)),
});

function cleanPage<Page extends FoundRecords>(page: Page): Page {
  const altered = page.records.filter((record) => !hasCleanId(record));
  if (altered.length === 0) return cleanDeep(page);
  const records = page.records.filter(hasCleanId);
  const rejections = altered.map(({ externalId }) => unreadableRejection({ externalId, issues: ID_ISSUES }));
  return cleanDeep({ ...page, records, rejections: [...(page.rejections ?? []), ...rejections] });
}

function cleanRecord(provider: ProviderId, record: ProviderRecord): ProviderRecord {
  if (!hasCleanId(record)) throw unreadableId(provider);
  return cleanDeep(record);
}

const unreadableId = (provider: ProviderId): ProviderError =>
  new ProviderError({ provider, kind: 'unexpected-response', httpStatus: 200, unreadable: ID_ISSUES });

const hasCleanId = ({ externalId }: ProviderRecord) => cleanText(externalId) === externalId;
