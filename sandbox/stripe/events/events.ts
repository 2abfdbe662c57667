import { answer } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { EVENT_RETENTION_SECONDS, renderEvent } from './event.ts';
import type { EventRow } from './event.ts';
import { invalidRequest, noSuch } from '../http/failure.ts';
import { listPage, pagingSpec } from '../http/paging.ts';
import { expandable } from '../http/expansion.ts';
import { boolean, list, readForm, requiredText } from '../http/params.ts';

const listSpec = {
  ...pagingSpec,
  delivery_success: boolean,
  expand: expandable(null),
  type: requiredText(255),
  types: list(requiredText(255), 20),
};

/** Lists events of the last 30 days, newest first. `type` may contain `*` to match a group of events. */
export const listEvents: Endpoint = ({ state, account, params, pageFault }) => {
  const { type, types, ...query } = readForm(params, listSpec);
  if (type !== undefined && types !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: type, types.', {
      code: 'parameters_exclusive',
    });
  }
  const keptFrom = state.clock.nowSeconds() - EVENT_RETENTION_SECONDS;
  const wanted = types ?? (type === undefined ? [] : [type]);
  const created = {
    min: Math.max(query.created?.min ?? 0, keptFrom),
    max: query.created?.max ?? Number.MAX_SAFE_INTEGER,
  };
  return answer(
    listPage(
      {
        items: account.events,
        kind: 'event',
        url: '/v1/events',
        accepts: ofTypes(wanted),
        render: renderEvent,
        fault: pageFault,
      },
      { ...query, created },
    ),
  );
};

export const retrieveEvent: Endpoint = ({ state, account, params, id }) => {
  readForm(params, { expand: expandable(null) });
  const event = account.events.get(id);
  if (!event || event.created < state.clock.nowSeconds() - EVENT_RETENTION_SECONDS) throw noSuch('event', id, 'id');
  return answer(renderEvent(event));
};

function ofTypes(wanted: readonly string[]): ((event: EventRow) => boolean) | undefined {
  if (wanted.length === 0) return undefined;
  const patterns = wanted.map((type) => new RegExp(`^${type.split('*').map(escaped).join('.*')}$`));
  return (event) => patterns.some((pattern) => pattern.test(event.type));
}

function escaped(text: string): string {
  return text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
}
