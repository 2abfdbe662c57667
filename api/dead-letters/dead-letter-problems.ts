import type { Problem } from '../errors/service-problems.ts';

/** Problems of the list of what failed for good. */
export const DEAD_LETTER_PROBLEMS = {
  'dead-letter-not-found': {
    status: 404,
    title: 'No such dead letter',
    meaning: 'The venue has no entry with this id, or it was settled and has expired.',
    remedy: 'Take the id from the list of dead letters.',
  },
  'dead-letter-settled': {
    status: 409,
    title: 'The dead letter is settled',
    meaning: 'It was resolved by a later success, or discarded. A discarded one can be retried; a resolved one cannot.',
    remedy: 'Nothing: there is nothing left to do about it.',
  },
  'dead-letter-not-retryable': {
    status: 409,
    title: 'Nothing can be retried',
    meaning:
      'The provider listed an object without a readable id, so that it cannot be looked up; or the body of an event has expired; or a delivery has expired or was accepted, or its subscription is disabled.',
    remedy:
      'Mend the object at the provider where it has no readable id, start a full pull, and discard the entry; or mend the receiver, enable the subscription, and retry.',
  },
  'dead-letter-not-editable': {
    status: 409,
    title: 'What failed is not the venue’s record',
    meaning:
      'Only a record of the venue that a push could not write can be edited here. An object that a pull could not store, and an event, are the provider’s.',
    remedy:
      'Change the object at the provider, or the mapping of its fields, and retry the entry: the object is read again. `nextAction` of the entry says what helps.',
  },
} as const satisfies Record<string, Problem>;
