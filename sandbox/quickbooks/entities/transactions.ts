import { timeOf, textIn } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';
import { notFound, stale } from './faults.ts';
import { bookedInvoice, payInvoices } from './invoices.ts';

/** A booked object with its total, its number and what is still to be paid. Throws a `Refusal`. */
export function booked(company: Company, entity: Entity, object: WireObject): WireObject {
  if (entity === 'Invoice') return bookedInvoice(company, object);
  const isNew = company.state.get(company.id, entity, String(object['Id'])) === undefined;
  if (entity === 'Payment' && isNew) payInvoices(company, object);
  const lines = (Array.isArray(object['Line']) ? object['Line'] : []) as readonly WireObject[];
  const total = entity === 'Payment' ? Number(object['TotalAmt'] ?? 0) : totalOf(lines, object);
  const number =
    entity === 'Payment' ? {} : { DocNumber: textIn(object, 'DocNumber') ?? `${1_000 + Number(object['Id'])}` };
  return {
    ...object,
    ...number,
    TotalAmt: total,
  };
}

function totalOf(lines: readonly WireObject[], object: WireObject): number {
  if (lines.length === 0) return Number(object['TotalAmt'] ?? 0);
  const sum = lines
    .filter(({ DetailType: type }) => type !== 'SubTotalLineDetail')
    .reduce(
      (cents, { Amount: amount, DetailType: type }) =>
        cents + (type === 'DiscountLineDetail' ? -1 : 1) * Math.round(Number(amount) * 100),
      0,
    );
  return (sum + Math.round(Number(textIn(object, 'TxnTaxDetail', 'TotalTax') ?? 0) * 100)) / 100;
}

/** Deletes a transaction for good; change data capture still tells of it. */
export function deleteTransaction(company: Company, entity: Entity, body: WireObject): WireObject {
  const current = existing(company, entity, body);
  const id = String(current['Id']);
  entomb(company, entity, id);
  company.note({ entity, id, operation: 'Delete' });
  return { status: 'Deleted', domain: 'QBO', Id: id };
}

/** Removes an object without asking, as a deletion or a merge of two customers does. */
export function entomb({ state, id: company, nowMs }: Company, entity: Entity, id: string): void {
  state.delete(company, entity, id);
  const tombstone = {
    entity,
    domain: 'QBO',
    status: 'Deleted',
    Id: id,
    MetaData: { LastUpdatedTime: timeOf(nowMs) },
  };
  state.put(company, 'tombstones', [[`${entity}:${id}`, tombstone]]);
}

/** Voids a transaction: it stays, with amounts of zero. */
export function voidTransaction(company: Company, entity: Entity, body: WireObject): WireObject {
  const current = existing(company, entity, body);
  const lines = (Array.isArray(current['Line']) ? current['Line'] : []) as readonly WireObject[];
  const voided = {
    ...current,
    Line: lines.map((line) => ({ ...line, Amount: 0 })),
    TotalAmt: 0,
    ...(entity === 'Invoice' && { Balance: 0 }),
    ...(current['TxnTaxDetail'] !== undefined && { TxnTaxDetail: { TotalTax: 0 } }),
    PrivateNote: 'Voided',
    SyncToken: String(Number(current['SyncToken']) + 1),
    MetaData: { ...(current['MetaData'] as object), LastUpdatedTime: timeOf(company.nowMs) },
  };
  const id = String(current['Id']);
  company.state.put(company.id, entity, [[id, voided]]);
  company.note({ entity, id, operation: 'Void' });
  return voided;
}

function existing({ state, id: company }: Company, entity: Entity, body: WireObject): WireObject {
  const current = state.get(company, entity, textIn(body, 'Id') ?? '');
  if (!current) throw notFound();
  if (textIn(body, 'SyncToken') !== current['SyncToken']) throw stale();
  return current;
}
