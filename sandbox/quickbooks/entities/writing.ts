import { isNameEntity, nameFieldOf, nextId, textIn, timeOf } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import { rewrittenCountry } from './countries.ts';
import {
  duplicateName,
  invalidEmail,
  invalidText,
  missing,
  notFound,
  stale,
  unsupportedProperty,
  validation,
} from './faults.ts';
import { unknownProperty } from './properties.ts';
import { booked } from './transactions.ts';

/** Reads one object. Throws a `Refusal` where there is none. */
export function readObject({ state, id: company }: Company, entity: Entity, id: string): WireObject {
  const found = state.get(company, entity, id);
  if (!found) throw notFound();
  return found;
}

/** Creates an object, or changes the one that the body names. Throws a `Refusal`. */
export function writeObject(company: Company, entity: Entity, body: WireObject): WireObject {
  const unknown = unknownProperty(entity, body);
  if (unknown !== null) throw unsupportedProperty(unknown, entity);
  checkTexts(entity, body);
  const isNew = textIn(body, 'Id') === null;
  const written = isNew ? createObject(company, entity, body) : updateObject(company, entity, body);
  company.note({ entity, id: String(written['Id']), operation: isNew ? 'Create' : 'Update' });
  return written;
}

function createObject(company: Company, entity: Entity, body: WireObject): WireObject {
  const named = isNameEntity(entity) ? withName(company, entity, body) : body;
  if (entity === 'Item') checkItem(company, named);
  const id = nextId(company, entity);
  return save(company, entity, {
    ...defaultsOf(company, entity),
    ...rewritten(named),
    domain: 'QBO',
    sparse: false,
    Id: id,
    SyncToken: '0',
    MetaData: { CreateTime: timeOf(company.nowMs), LastUpdatedTime: timeOf(company.nowMs) },
  });
}

/** `sparse` changes what the body has; otherwise what it lacks is cleared. */
function updateObject(company: Company, entity: Entity, body: WireObject): WireObject {
  const current = readObject(company, entity, textIn(body, 'Id') ?? '');
  const syncToken = textIn(body, 'SyncToken');
  if (syncToken === null) throw missing('SyncToken');
  if (syncToken !== current['SyncToken']) throw stale();
  // What is inactive takes nothing but being made active.
  if (current['Active'] === false && body['Active'] !== true) throw notFound();
  const base = body['sparse'] === true ? current : onlyKept(current);
  const next = withoutEmpty({ ...base, ...rewritten(body) });
  const named = isNameEntity(entity) ? renamed(company, entity, { current, next }) : next;
  if (entity === 'Item') checkItem(company, named);
  noteEffects(company, entity, { current, body, next: named });
  return save(company, entity, {
    ...named,
    sparse: false,
    SyncToken: String(Number(current['SyncToken']) + 1),
    MetaData: { ...(current['MetaData'] as object), LastUpdatedTime: timeOf(company.nowMs) },
  });
}

/** What a full update cannot clear. */
function onlyKept(current: WireObject): WireObject {
  const kept = ['Id', 'SyncToken', 'MetaData', 'domain', 'Active', 'CurrencyRef', 'Type', 'Balance'];
  return Object.fromEntries(Object.entries(current).filter(([name]) => kept.includes(name)));
}

/** An empty text or null clears. */
const withoutEmpty = (object: WireObject): WireObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== '' && value !== null && !isEmptied(value)));

function isEmptied(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((member) => member === '' || member === null);
}

function save(company: Company, entity: Entity, object: WireObject): WireObject {
  const complete = isNameEntity(entity) ? object : booked(company, entity, object);
  company.state.put(company.id, entity, [[String(complete['Id']), complete]]);
  return complete;
}

function defaultsOf({ homeCurrency, nowMs }: Company, entity: Entity): WireObject {
  const currency = { CurrencyRef: { value: homeCurrency } };
  switch (entity) {
    case 'Customer':
      return {
        Taxable: true,
        Job: false,
        BillWithParent: false,
        Balance: 0,
        BalanceWithJobs: 0,
        ...currency,
        Active: true,
      };
    case 'Item':
      return { Active: true, Type: 'Service', UnitPrice: 0, Taxable: false, TrackQtyOnHand: false, PurchaseCost: 0 };
    case 'Vendor':
    case 'Employee':
    case 'Account':
      return { Active: true, ...currency };
    default:
      return { TxnDate: timeOf(nowMs).slice(0, 10), ...currency, TotalAmt: 0 };
  }
}

const NAME_LIMITS: Readonly<Record<'DisplayName' | 'Name', number>> = { DisplayName: 500, Name: 100 };

function withName(company: Company, entity: Entity, body: WireObject): WireObject {
  const field = nameFieldOf(entity);
  const given = [body['GivenName'], body['FamilyName']].filter((part) => typeof part === 'string').join(' ');
  const name = textIn(body, field) ?? (field === 'DisplayName' ? given : '');
  if (name.trim() === '') throw missing(field);
  if (isTaken(company, entity, { name, by: null })) throw duplicateName();
  return {
    ...body,
    [field]: name,
    FullyQualifiedName: name,
    ...(field === 'DisplayName' && { PrintOnCheckName: body['PrintOnCheckName'] ?? name }),
  };
}

/** Names of customers, vendors and employees are unique together, without regard to case. */
function isTaken(
  { state, id: company }: Company,
  entity: Entity,
  { name, by }: { readonly name: string; readonly by: string | null },
): boolean {
  const shared: readonly Entity[] =
    nameFieldOf(entity) === 'DisplayName' ? ['Customer', 'Vendor', 'Employee'] : [entity];
  const wanted = name.toLowerCase();
  return shared.some((other) =>
    state
      .list(company, other)
      .some(
        (object) =>
          textIn(object, nameFieldOf(other))?.toLowerCase() === wanted && !(other === entity && object['Id'] === by),
      ),
  );
}

/** Taking an object out of use marks its name, so that the name is free again. */
function renamed(
  company: Company,
  entity: Entity,
  { current, next }: { readonly current: WireObject; readonly next: WireObject },
): WireObject {
  const field = nameFieldOf(entity);
  const asked = textIn(next, field);
  if (asked === null) throw missing(field);
  const id = String(current['Id']);
  const isEnding = current['Active'] !== false && next['Active'] === false;
  const name = isEnding ? freeName(company, entity, { name: asked, by: id }) : asked;
  if (!isEnding && name !== current[field] && isTaken(company, entity, { name, by: id })) throw duplicateName();
  const parents = (textIn(current, 'FullyQualifiedName') ?? '').split(':').slice(0, -1);
  return { ...next, [field]: name, FullyQualifiedName: [...parents, name].join(':') };
}

function freeName(
  company: Company,
  entity: Entity,
  { name, by }: { readonly name: string; readonly by: string },
): string {
  for (let index = 0; ; index += 1) {
    const marked = `${name} (deleted${index === 0 ? '' : `-${index}`})`;
    if (!isTaken(company, entity, { name: marked, by })) return marked;
  }
}

function checkTexts(entity: Entity, body: WireObject): void {
  const field = nameFieldOf(entity);
  const name = isNameEntity(entity) ? textIn(body, field) : null;
  if (name !== null && (/[:\t\n]/.test(name) || Array.from(name).length > NAME_LIMITS[field])) throw invalidText(field);
  const address = textIn(body, 'PrimaryEmailAddr', 'Address');
  if (address !== null && address !== '' && !/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/.test(address)) throw invalidEmail(address);
}

/** A sold item needs an account for its income; a counted one needs more. */
function checkItem({ state, id: company }: Company, item: WireObject): void {
  const income = textIn(item, 'IncomeAccountRef', 'value');
  if (item['Type'] === 'Category') return;
  if (income === null) throw missing('IncomeAccountRef');
  if (state.get(company, 'Account', income)?.['AccountType'] !== 'Income')
    throw validation('An income account is needed.');
  if (item['Type'] === 'Inventory' && textIn(item, 'QtyOnHand') === null) throw missing('QtyOnHand');
}

/** Addresses get an id and a country of three letters; coordinates are not kept. */
function rewritten(body: WireObject): WireObject {
  const addresses = ['BillAddr', 'ShipAddr'].flatMap((name) => {
    const address = body[name];
    return typeof address === 'object' && address !== null ? [[name, addressOf(address as WireObject)] as const] : [];
  });
  return { ...body, ...Object.fromEntries(addresses) };
}

let lastAddressId = 1_000;

function addressOf(given: WireObject): WireObject {
  const address = without(given, 'Lat', 'Long');
  const lines = Object.entries(address).filter(([, value]) => value !== '' && value !== null);
  if (lines.every(([name]) => name === 'Id')) return {};
  lastAddressId += 1;
  const country = textIn(address, 'Country');
  return {
    Id: String(lastAddressId),
    ...Object.fromEntries(lines),
    ...(country !== null && country !== '' && { Country: rewrittenCountry(country) }),
  };
}

interface Update {
  readonly current: WireObject;
  readonly body: WireObject;
  readonly next: WireObject;
}

/**
 * A full or careless update is not neutral (https://github.com/simstudioai/sim/pull/7555,
 * https://github.com/intuit/QuickBooks-V3-PHP-SDK/issues/305, read 2026-11).
 */
function noteEffects(company: Company, entity: Entity, { current, body, next }: Update): void {
  const of = `${entity}:${String(current['Id'])}`;
  if ('QtyOnHand' in body || 'InvStartDate' in body) noteSideEffect(company, { kind: 'stock-adjustment', of });
  if (entity === 'Item' && textIn(current, 'IncomeAccountRef', 'value') !== textIn(next, 'IncomeAccountRef', 'value'))
    noteSideEffect(company, { kind: 'past-transactions-rewritten', of });
  if (entity === 'Payment' && 'Line' in body) noteSideEffect(company, { kind: 'credits-freed', of });
  if (contentOf(current) === contentOf(next)) noteSideEffect(company, { kind: 'write-without-change', of });
}

/** Without what every write changes, and in one order of properties. */
const contentOf = (object: WireObject): string =>
  JSON.stringify(
    sorted({
      ...without(object, 'SyncToken', 'MetaData', 'sparse'),
      ...Object.fromEntries(['BillAddr', 'ShipAddr'].map((name) => [name, withoutId(object[name])])),
    }),
  );

const withoutId = (address: unknown): object | null =>
  typeof address === 'object' && address !== null ? sorted(without(address as WireObject, 'Id')) : null;

const without = (object: WireObject, ...names: readonly string[]): WireObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const sorted = (object: WireObject): WireObject =>
  Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));
