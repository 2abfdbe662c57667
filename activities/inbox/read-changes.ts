import { toDeletion } from '../../db/pull/pull-deletions.ts';
import type { EventReading } from '../../db/pull/event-readings.ts';
import type { EventRecordStore, EventTarget } from '../../db/webhooks/event-record-store.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderAmendment, ProviderPage, ResourceSession } from '../../providers/provider.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Credentials } from '../connections/credentials.ts';
import { lookUpPart, lookUpParts } from '../sync/look-up.ts';
import { readRecord } from '../sync/pull/pulled-record.ts';
import type { Mappings } from '../sync/pull/pulled-record.ts';
import { sessionWithin } from '../sync/reach.ts';
import type { ExcludedFields } from '../sync/reach.ts';
import type { SinceWork, TargetReading, TargetWork } from './event-work.ts';

export interface ReadingDeps {
  readonly credentials: Credentials;
  readonly providers: Pick<Providers, 'open' | 'definition'>;
  readonly eventRecords: Pick<EventRecordStore, 'listUnknown'>;
}

export type TargetMappings = Mappings & { readonly reach: ExcludedFields };

const AT_ONCE = 4;
/** Pages of a change feed for one batch of events. What is left comes with the next pull. */
const MAX_PAGES = 20;

/**
 * Reads what events only hinted at, within the account's budget. Never throws for the provider: what could not be read
 * is told, and after the first failure nothing more is asked for.
 */
export async function readChanges(
  deps: ReadingDeps,
  { target, ids, since }: TargetWork,
  { mappings, signal }: { readonly mappings: TargetMappings; readonly signal: AbortSignal },
): Promise<TargetReading> {
  const reader = new TargetReader(mappings, {
    isCertain: deps.providers.definition(target.provider)?.webhooks?.hasExactVersions !== true,
  });
  const opened = await open(deps, target, signal);
  if ('failure' in opened) return reader.failedAltogether(ids.keys(), since, opened.failure);
  const session = sessionWithin(opened.session, mappings.reach);
  await reader.readEach(session, [...ids.keys()]);
  if (since) await reader.readSince(session, since, (amendments) => deps.eventRecords.listUnknown(target, amendments));
  await reader.replaceRefused(() => deps.credentials.replaceRefused(target, opened.opened));
  return reader.result();
}

async function open({ credentials, providers }: ReadingDeps, target: EventTarget, signal: AbortSignal) {
  try {
    const opened = await credentials.open(target, { resource: target.resource, direction: 'pull' });
    const session = providers
      .open(target.provider, {
        ...opened.credential,
        account: opened.account,
        accounts: target.accounts,
        lane: 'bulk',
        signal,
      })
      .resource(target.resource);
    return { opened, session };
  } catch (failure) {
    return { failure };
  }
}

type ListUnknown = (amendments: readonly ProviderAmendment[]) => Promise<readonly string[]>;

class TargetReader {
  readonly #mappings: TargetMappings;
  readonly #isCertain: boolean;
  readonly #readings: EventReading[] = [];
  readonly #amendments: ProviderAmendment[] = [];
  readonly #askedBy = new Map<string, Set<string>>();
  readonly #rejected = new Map<string, string>();
  readonly #failed = new Map<string, unknown>();
  #sinceFailure: { readonly cause: unknown } | null = null;
  #failure: { readonly cause: unknown } | null = null;

  constructor(mappings: TargetMappings, { isCertain }: { readonly isCertain: boolean }) {
    this.#mappings = mappings;
    this.#isCertain = isCertain;
  }

  failedAltogether(ids: Iterable<string>, since: SinceWork | null, cause: unknown): TargetReading {
    for (const id of ids) this.#failed.set(id, cause);
    if (since) this.#sinceFailure = { cause };
    return this.result();
  }

  result(): TargetReading {
    return {
      readings: this.#readings,
      amendments: this.#amendments,
      askedBy: this.#askedBy,
      rejected: this.#rejected,
      failed: this.#failed,
      sinceFailure: this.#sinceFailure,
    };
  }

  async readEach(session: ResourceSession, ids: readonly string[]): Promise<void> {
    await fewAtATime(lookUpParts(session, ids), AT_ONCE, async (part) => {
      try {
        if (this.#failure) throw this.#failure.cause;
        await this.#readPart(session, part);
      } catch (cause) {
        this.#failure ??= { cause };
        for (const externalId of part) this.#failed.set(externalId, cause);
      }
    });
  }

  async #readPart(session: ResourceSession, externalIds: readonly string[]): Promise<void> {
    const askedAtMs = Date.now();
    for (const [externalId, { record, rejection }] of await lookUpPart(session, externalIds)) {
      if (rejection) this.#rejected.set(externalId, rejection.code);
      else if (record) {
        if (record.externalId !== externalId) this.#noteAsked(record.externalId, externalId);
        this.#take(record, askedAtMs, { lookedUp: this.#isCertain, askedFor: externalId });
      } else {
        const version = session.versionOf(askedAtMs);
        const pulled = toDeletion({ externalId, version, deletedAtMs: null, certain: true });
        this.#readings.push({ pulled, doubtfulFrom: null, askedAtMs });
      }
    }
  }

  /** Mailchimp's events name a member by its address, which its record is not known by. */
  #noteAsked(externalId: string, asked: string): void {
    this.#askedBy.set(externalId, (this.#askedBy.get(externalId) ?? new Set()).add(asked));
  }

  #take(
    record: ProviderPage['records'][number],
    askedAtMs: number,
    { lookedUp, askedFor = record.externalId }: { readonly lookedUp: boolean; readonly askedFor?: string },
  ): void {
    const read = readRecord(record, this.#mappings, { lookedUp });
    if (read.rejection) this.#rejected.set(askedFor, read.rejection.code);
    else this.#readings.push({ pulled: read.record, doubtfulFrom: null, askedAtMs });
  }

  async readSince(session: ResourceSession, since: SinceWork, listUnknown: ListUnknown): Promise<void> {
    try {
      if (this.#failure) throw this.#failure.cause;
      for (const stream of since.streams) await this.#readStream(session, stream, since.sinceEpochS);
      await this.#readAmended(session, await listUnknown(this.#amendments));
    } catch (cause) {
      this.#failure ??= { cause };
      this.#sinceFailure = { cause };
    }
  }

  /** The event of a record may arrive after the event of what amends it: an amendment without its record would be lost. */
  async #readAmended({ retrieveAmended }: ResourceSession, references: readonly string[]): Promise<void> {
    if (!retrieveAmended) return;
    await fewAtATime(references, AT_ONCE, async (reference) => {
      const askedAtMs = Date.now();
      const record = await retrieveAmended(reference);
      if (record) this.#take(record, askedAtMs, { lookedUp: this.#isCertain });
    });
  }

  async #readStream(session: ResourceSession, stream: string, fromEpochS: number): Promise<void> {
    let after: ProviderPage['after'] = null;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const askedAtMs = Date.now();
      // The provider's clock may be ahead of ours.
      const toEpochS = Math.ceil(askedAtMs / 1_000) + CLOCKS_DIFFER_S;
      const page: ProviderPage = await session.listPage({ stream, fromEpochS, toEpochS, after });
      for (const record of page.records) this.#take(record, askedAtMs, { lookedUp: false });
      for (const { externalId, code } of page.rejections ?? [])
        if (externalId !== null) this.#rejected.set(externalId, code);
      this.#amendments.push(...(page.amendments ?? []));
      after = page.after;
      if (after === null) return;
    }
  }

  /** Credentials that the provider refuses are replaced, or the connection shows that it needs new ones. */
  async replaceRefused(replace: () => Promise<boolean>): Promise<void> {
    const cause = this.#failure?.cause;
    if (cause instanceof ProviderError && cause.details.kind === 'needs-reauth') await replace().catch(() => false);
  }
}

const CLOCKS_DIFFER_S = 300;
