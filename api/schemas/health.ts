import { z } from 'zod';
import { UNSETTLED_DEAD_LETTER_STATES } from '../../contracts/dead-letters.ts';
import { eventState } from './event.ts';
import { countedWindow } from './integration.ts';
import { deadLetterSource, environment, provider } from './words.ts';

const count = z.int().min(0);
const seconds = z.number().min(0);

const state = z.enum(['ok', 'down']).meta({ id: 'HealthState' });

export const readinessAnswer = z
  .object({ status: state, checks: z.object({ postgres: state, temporal: state }) })
  .meta({ id: 'Readiness' });

const dependency = z
  .object({
    status: state,
    latencyMs: z.number().min(0).meta({ description: 'How long the answer took, or was waited for.' }),
  })
  .meta({ id: 'DependencyHealth' });

const circuits = z.array(
  z.object({
    provider,
    environment,
    scope: z.enum(['provider', 'account']).meta({ description: 'Of the whole provider, or of single accounts.' }),
    state: z.enum(['open', 'half-open']),
    count,
  }),
);

const budgets = z.array(countedWindow.extend({ provider, environment }));

const backlog = z.object({
  events: z
    .array(z.object({ provider, state: eventState, count, oldestSeconds: seconds }))
    .meta({ description: 'Received events that are not over.' }),
  deliveries: z
    .object({ pending: count, overdueSeconds: seconds })
    .meta({ description: 'Outgoing webhooks that wait, and for how long the first of those that are due has.' }),
  deadLetters: z
    .array(
      z.object({
        source: deadLetterSource,
        state: z.enum(UNSETTLED_DEAD_LETTER_STATES),
        count,
        oldestSeconds: seconds,
      }),
    )
    .meta({ description: 'What failed for good and is not settled.' }),
});

const OF_ALL_VENUES = 'Null without a token that reaches all venues, and while Postgres does not tell.';

export const deepHealthAnswer = z
  .object({
    status: z.enum(['ok', 'degraded', 'down']).meta({
      description:
        'Down: Postgres or Temporal does not answer. Degraded: no credentials can be sealed, no worker listens, a whole provider’s circuit is open, or something that is due has waited for over five minutes.',
    }),
    checks: z.object({
      postgres: dependency,
      temporal: dependency,
      keyService: dependency,
      workers: dependency.extend({ count: count.nullable().meta({ description: 'Null while nobody can tell.' }) }),
    }),
    circuits: circuits.nullable().meta({ description: `Those that are not closed. ${OF_ALL_VENUES}` }),
    budgets: budgets.nullable().meta({
      description: `Windows of over a minute that all accounts of a provider share, in which calls were counted. ${OF_ALL_VENUES}`,
    }),
    backlog: backlog.nullable().meta({ description: OF_ALL_VENUES }),
  })
  .meta({ id: 'DeepHealth' });
