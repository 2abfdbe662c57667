import { unreadableIssuesOf, unreadableRejection } from '../../providers/items.ts';
import type { ProviderRecord, ProviderRejection, ResourceSession } from '../../providers/provider.ts';

/** What a provider answers about one record. */
export interface LookedUp {
  /**
   * Null when the provider has no such record, or it cannot be read. Where the provider has merged the object, the one that
   * it was merged into.
   */
  readonly record: ProviderRecord | null;
  /** An unreadable object exists, so its record is kept. */
  readonly rejection?: ProviderRejection;
}

/** The ids in parts, each of which `lookUpPart` asks for by as few calls as the provider allows. */
export function lookUpParts<Id>({ retrieveMany }: Pick<ResourceSession, 'retrieveMany'>, ids: readonly Id[]): Id[][] {
  const size = retrieveMany?.size ?? 1;
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, index) =>
    ids.slice(index * size, (index + 1) * size),
  );
}

/** Looks up the records of one part. Throws when a call fails: then nothing is known of any of them. */
export async function lookUpPart(
  session: ResourceSession,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, LookedUp>> {
  if (!session.retrieveMany || externalIds.length === 1)
    return new Map(
      await Promise.all(externalIds.map(async (id): Promise<[string, LookedUp]> => [id, await lookUpOne(session, id)])),
    );
  const { records, rejections = [] } = await session.retrieveMany.read(externalIds);
  return new Map<string, LookedUp>([
    ...externalIds.map((id) => [id, { record: null }] as const),
    ...records.flatMap((record) =>
      [record.externalId, ...(record.mergedFrom ?? [])].map((id) => [id, { record }] as const),
    ),
    ...rejections.flatMap((rejection) =>
      rejection.externalId === null ? [] : [[rejection.externalId, { record: null, rejection }] as const],
    ),
  ]);
}

/** An unreadable object exists, so its record is kept. */
export async function lookUpOne(session: ResourceSession, externalId: string): Promise<LookedUp> {
  try {
    return { record: await session.retrieve(externalId) };
  } catch (error) {
    const issues = unreadableIssuesOf(error);
    if (issues === null) throw error;
    return { record: null, rejection: unreadableRejection({ externalId, issues }) };
  }
}
