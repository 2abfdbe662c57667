import { randomUUID } from 'node:crypto';
import { badRequest, validationException } from '../errors.ts';
import type { RefusedElement } from '../errors.ts';
import type { Reply } from '../../oauth/exchange.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import { dateOf, ID_OF, textOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';
import { elementsOf } from './endpoint.ts';
import type { OrganisationRequest } from './endpoint.ts';

/** Xero recommends 50 elements a request; the stand-in takes no more, so that larger requests are noticed. */
const MOST_ELEMENTS = 50;

/** How the elements of one collection are written. */
export interface Written {
  readonly entity: Entity;
  /** The object that an element means beside one with its id, such as the contact of that name. `PUT` takes it for a duplicate. */
  readonly sameAs: (organisation: Organisation, element: WireObject) => WireObject | undefined;
  /** The message for a duplicate that `PUT` finds. */
  readonly duplicate: (element: WireObject) => string;
  /** The object that the element makes of `current`; undefined: a new one. Throws an `ElementProblem`. */
  readonly next: (organisation: Organisation, element: WireObject, current: WireObject | undefined) => WireObject;
  /** Whether an update leaves the time of the last change as it is, so that no list of changes tells of it. */
  readonly isUntold?: (element: WireObject, current: WireObject) => boolean;
}

/** A collection is written as a whole, and an object of it by its id. */
export const WRITES = [
  { method: 'PUT', one: false },
  { method: 'POST', one: false },
  { method: 'POST', one: true },
] as const;

/** What is wrong with one element. */
export class ElementProblem extends Error {
  override readonly name = 'ElementProblem';
}

/** How an element says that it is wrong besides its status; others have no such property (the models of xero-node 20.0.0). */
const ERROR_FLAGS: Readonly<Record<string, WireObject>> = {
  Contacts: { HasValidationErrors: true },
  Payments: { HasValidationErrors: true },
  Invoices: { HasErrors: true },
  CreditNotes: { HasErrors: true },
};

/** Writes the elements of a request one after the other. A path that names one object writes the first alone, to it. */
export const writeElements = (request: OrganisationRequest, written: Written): object | Reply =>
  answerElements(request, written.entity, (element) =>
    writeElement(
      request,
      written,
      request.rest === '' ? element : { ...element, [ID_OF[written.entity]]: request.rest },
    ),
  );

/** Answers each element of a request by itself. With `summarizeErrors=false` each tells what became of it. */
export function answerElements(
  request: OrganisationRequest,
  name: string,
  write: (element: WireObject) => WireObject,
): object | Reply {
  const given = elementsOf(request, name);
  const elements = request.rest === '' ? given : given.slice(0, 1);
  if (elements.length > MOST_ELEMENTS)
    throw badRequest('ValidationException', `A request has at most ${MOST_ELEMENTS} elements.`);
  const summarizes = request.visit.query.get('summarizeErrors') !== 'false';
  const answered = elements.map((element) => {
    try {
      const object = write(element);
      return summarizes ? object : { ...object, StatusAttributeString: 'OK' };
    } catch (error) {
      if (!(error instanceof ElementProblem)) throw error;
      const refused: RefusedElement = { ...element, ValidationErrors: [{ Message: error.message }] };
      return summarizes ? refused : { ...refused, ...ERROR_FLAGS[name], StatusAttributeString: 'ERROR' };
    }
  });
  const refused = answered.filter((one): one is RefusedElement => 'ValidationErrors' in one);
  if (summarizes && refused.length > 0) return validationException(refused);
  return { [name]: answered };
}

function writeElement(request: OrganisationRequest, written: Written, element: WireObject): WireObject {
  const { organisation } = request;
  const { state, id: tenant, nowMs } = organisation;
  const { entity, next } = written;
  const idName = ID_OF[entity];
  const current = currentOf(request, written, element);
  const id = textOf(current ?? {}, idName) ?? randomUUID();
  const made = next(organisation, element, current);
  const unchanged = current !== undefined && contentOf(current) === contentOf({ ...made, [idName]: id });
  if (unchanged) noteSideEffect(organisation, { kind: 'write-without-change', of: `${entity}:${id}` });
  const isUntold = current !== undefined && written.isUntold?.(element, current) === true;
  const changedAt = isUntold ? current['UpdatedDateUTC'] : dateOf(nowMs);
  const object = { ...made, [idName]: id, UpdatedDateUTC: changedAt };
  state.put(tenant, entity, [[id, object]]);
  return object;
}

/** The object that an element is about; undefined: a new one. Throws an `ElementProblem`. */
function currentOf(
  { organisation, visit }: OrganisationRequest,
  { entity, sameAs, duplicate }: Written,
  element: WireObject,
): WireObject | undefined {
  const idName = ID_OF[entity];
  const given = textOf(element, idName)?.toLowerCase();
  const named = given === undefined ? undefined : organisation.state.get(organisation.id, entity, given);
  if (given !== undefined && !named) throw new ElementProblem(`The ${idName} could not be found.`);
  const twin = sameAs(organisation, element);
  const isTaken = twin && (named ? twin[idName] !== named[idName] : visit.method === 'PUT');
  if (isTaken) throw new ElementProblem(duplicate(element));
  return named ?? twin;
}

/** Without what every write changes, in one order of properties. */
const contentOf = (object: WireObject): string =>
  JSON.stringify(
    Object.entries(object)
      .filter(([name]) => name !== 'UpdatedDateUTC')
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
