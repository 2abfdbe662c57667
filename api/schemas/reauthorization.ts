import { z } from 'zod';
import { GRANT_DEADLINES } from '../../contracts/connections.ts';
import type { NeedingReauth } from '../../db/connections/connection-actions-store.ts';
import type { ForecastEntry } from '../../domain/grants/grant-forecast.ts';
import { timestamp } from './common.ts';
import { provider } from './words.ts';

const reauthorizationAnswer = z
  .object({
    connectionId: z.uuid(),
    provider,
    date: timestamp.meta({ description: 'When the access ends by itself; of `needs-reauth`, since when it has.' }),
    kind: z.enum(['needs-reauth', ...GRANT_DEADLINES]),
    why: z.string(),
    action: z.string().meta({ description: 'What a person should do.' }),
    daysLeft: z.int().min(0).meta({ description: 'Whole days.' }),
  })
  .meta({ id: 'ReauthorizationForecast' });

export const reauthorizationsAnswer = z
  .object({ data: z.array(reauthorizationAnswer) })
  .meta({ id: 'Reauthorizations' });

type Entry = z.input<typeof reauthorizationAnswer>;

/** Ordered by date. Connections that wait for a person already come first, because their date is past. */
export function presentReauthorizations(
  waiting: readonly NeedingReauth[],
  coming: readonly ForecastEntry[],
): { data: Entry[] } {
  const now = waiting.map(({ connectionId, provider, since, cause, nextAction }): Entry => ({
    connectionId,
    provider,
    date: since.toISOString(),
    kind: 'needs-reauth',
    why: cause ?? 'The provider no longer accepts the credentials.',
    action: nextAction ?? 'Re-authorise the connection.',
    daysLeft: 0,
  }));
  return {
    data: [...now, ...coming.map((entry) => ({ ...entry }))].toSorted(
      (a, b) => a.date.localeCompare(b.date) || a.connectionId.localeCompare(b.connectionId),
    ),
  };
}
