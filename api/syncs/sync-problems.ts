import type { Problem } from '../errors/service-problems.ts';

/** Problems of runs and plans in another state than a request needs. */
export const SYNC_PROBLEMS = {
  'sync-finished': {
    status: 409,
    title: 'The sync run is over',
    meaning: 'A run that has finished cannot be cancelled, and one that has completed cannot be retried.',
    remedy: 'Read the run for its outcome.',
  },
  'sync-running': {
    status: 409,
    title: 'The sync run is at work',
    meaning:
      'Only a run that has failed, was cancelled, or waits by itself can be retried. This one is at work, or waits for approval.',
    remedy: 'Read the run for its phase; approve or cancel it where it waits for approval.',
  },
  'sync-already-open': {
    status: 409,
    title: 'Another run of the sync is open',
    meaning:
      'A run can be retried only while no other run of the same connection, resource and direction is open, and none is started while one that retries dead letters is. `detail` names the open one.',
    remedy: 'Follow the open run, or cancel it first.',
  },
  'not-awaiting-approval': {
    status: 409,
    title: 'The sync run does not wait for approval',
    meaning: 'Only a run in the phase `awaiting-approval` can be approved.',
    remedy: 'Read the run for its phase.',
  },
  'conflict-not-found': {
    status: 404,
    title: 'No such conflict',
    meaning: 'The venue has no conflict with this id, or it was resolved longer ago than such conflicts are kept.',
    remedy: 'List the conflicts of the venue.',
  },
  'conflict-resolved': {
    status: 409,
    title: 'The conflict is resolved',
    meaning: 'Somebody has resolved this conflict already, or a run has found both sides equal.',
    remedy: 'Read the record; change it where it should be otherwise.',
  },
  'not-a-dry-run': {
    status: 409,
    title: 'The sync run was no dry run',
    meaning: 'Only a dry run has a plan.',
    remedy: 'Start the sync with `dryRun: true` and read the plan of that run.',
  },
  'plan-not-ready': {
    status: 409,
    title: 'The plan is not complete',
    meaning: 'The dry run is still at work, or ended before it had looked at everything. `detail` says which.',
    remedy: 'Wait until the dry run has completed, or start another.',
  },
  'plan-not-usable': {
    status: 409,
    title: 'The plan cannot be carried out',
    meaning:
      '`planId` names no completed dry run of the same sync with the same mode and window, or one that is older than 24 hours or than another run of the sync. Nothing was started.',
    remedy: 'Start another dry run, or leave `planId` out.',
  },
} as const satisfies Record<string, Problem>;
