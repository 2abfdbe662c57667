import { z } from 'zod';
import { timestamp } from './common.ts';
import { syncAnswer, syncLogAnswer } from './sync.ts';
import { syncPhase } from './words.ts';

/** The data of a run's `progress` event. */
export const syncProgressAnswer = syncAnswer
  .pick({ id: true, phase: true, progress: true, counts: true, providerCalls: true, waitingFor: true, awaiting: true })
  .meta({ id: 'SyncProgress' });

const syncPhaseChange = z.object({ phase: syncPhase, at: timestamp }).meta({ id: 'SyncPhaseChange' });

const eventOf = <Name extends string, Data extends z.ZodType>(name: Name, data: Data, id: z.ZodString) =>
  z.object({ id, event: z.literal(name), data });

const LOG_ID = z.string().meta({ description: 'Of the entry in the log, `seq`.', example: '17' });

/** The events of a run's stream, with the lines `id`, `event` and `data` as fields; `data` is JSON. */
export const syncEvent = z
  .discriminatedUnion('event', [
    eventOf('phase', syncPhaseChange, LOG_ID).meta({ id: 'SyncPhaseEvent' }),
    eventOf('record-rejected', syncLogAnswer, LOG_ID).meta({ id: 'SyncRecordRejectedEvent' }),
    eventOf('record-conflict', syncLogAnswer, LOG_ID).meta({
      id: 'SyncRecordConflictEvent',
      description: 'Both sides had changed the record; `code` says whether a policy has settled it.',
    }),
    eventOf('progress', syncProgressAnswer, z.string().meta({ example: '17-3' })).meta({
      id: 'SyncProgressEvent',
      description: 'At most four a second.',
    }),
    eventOf('finished', syncAnswer, z.string().meta({ example: '21-finished' })).meta({
      id: 'SyncFinishedEvent',
      description: 'The last one: the run as it ended.',
    }),
  ])
  .meta({
    id: 'SyncEvent',
    description: 'One event of a run’s stream: the lines `id`, `event` and `data`, with `data` as JSON.',
  });
