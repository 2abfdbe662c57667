import { Draft } from '../state/draft.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { randomId } from '../../core/ids.ts';
import { integer, missing, readForm, text } from '../http/params.ts';
import { listing, retrieval, subject, writing, written } from '../http/resource.ts';
import { advance, end } from '../events/subscribing.ts';

export const listTestClocks = listing('test_clock');
export const retrieveTestClock = retrieval('test_clock');

const expand = expandable('test_clock');

export const createTestClock = writing('test_clock', (call, draft) => {
  const {
    frozen_time,
    name = null,
    expand: plan,
  } = readForm(call.params, { expand, frozen_time: integer({ min: 0 }), name: text(300) });
  if (frozen_time === undefined) throw missing('frozen_time');
  const object = draft.insert('test_clock', {
    id: randomId('clock_1', 23),
    fields: { frozen_time, name, status: 'ready' },
  });
  draft.tell('test_helpers.test_clock.created', { kind: 'test_clock', object });
  return { object, expand: plan };
});

/**
 * Everything that falls due happens at its own time, before the answer. The answer still says `advancing`, as Stripe's
 * does.
 */
export const advanceTestClock: Endpoint = (call) => {
  const draft = new Draft(call);
  const before = subject(call, draft, 'test_clock');
  const { frozen_time: target, expand: plan = [] } = readForm(call.params, {
    expand,
    frozen_time: integer({ min: 0 }),
  });
  if (target === undefined) throw missing('frozen_time');
  if (target <= before.fields.frozen_time)
    throw invalidRequest('The frozen time must be after the current frozen time of the test clock.', {
      param: 'frozen_time',
    });
  const advancing = draft.update('test_clock', before, { frozen_time: target, status: 'advancing' });
  draft.tell('test_helpers.test_clock.advancing', { kind: 'test_clock', object: advancing });
  const answer = written(draft, { kind: 'test_clock', object: advancing, expand: plan });
  for (const subscription of draft.where('subscription', 'test_clock', before.id)) advance(draft, subscription, target);
  const ready = draft.update('test_clock', advancing, { status: 'ready' });
  draft.tell('test_helpers.test_clock.ready', { kind: 'test_clock', object: ready });
  return { body: answer.body, changes: draft.changes };
};

/** Also deletes the clock's customers and ends their subscriptions. */
export const deleteTestClock: Endpoint = (call) => {
  readForm(call.params, {});
  const draft = new Draft(call);
  const object = subject(call, draft, 'test_clock');
  for (const subscription of draft.where('subscription', 'test_clock', object.id)) {
    if (subscription.fields.status !== 'canceled') end(draft, subscription);
  }
  for (const customer of draft.where('customer', 'test_clock', object.id)) {
    draft.remove('customer', customer);
    draft.tell('customer.deleted', { kind: 'customer', object: customer });
  }
  draft.remove('test_clock', object);
  draft.tell('test_helpers.test_clock.deleted', { kind: 'test_clock', object });
  return {
    body: JSON.stringify({ id: object.id, object: 'test_helpers.test_clock', deleted: true }),
    changes: draft.changes,
  };
};
