import { createHash } from 'node:crypto';
import type { Page } from '../../db/core/page.ts';
import { ApiError } from '../errors/api-error.ts';
import { JsonText } from './endpoint.ts';
import type { Answer } from './endpoint.ts';

/** The list that a cursor belongs to: its path and filters. */
export interface ListIdentity {
  readonly path: string;
  readonly filters: Readonly<Record<string, unknown>>;
  /** Column that orders the rows. */
  readonly order: 'id' | 'seq';
}

const POSITION = { id: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, seq: /^\d{1,15}$/ };
const SHAPE = /^1\.([A-Za-z0-9_-]{11})\.(.+)$/;

/**
 * The id after which to continue. Throws `invalid-cursor` for a cursor that this list with these filters did not
 * return.
 */
export function readCursor(cursor: string | undefined, list: ListIdentity): string | null {
  if (cursor === undefined) return null;
  const [, tag, position] = SHAPE.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (
    tag === undefined ||
    position === undefined ||
    !POSITION[list.order].test(position) ||
    encode(tag, position) !== cursor ||
    tag !== tagOf(list)
  ) {
    throw new ApiError('invalid-cursor', 'This cursor was not given by this list with these filters.');
  }
  return position;
}

/** The answer of a list. */
export function toPageAnswer<T>(page: Page<T>, list: ListIdentity, present: (item: T) => unknown): Answer {
  return pageAnswer(page, { data: page.data.map(present), nextCursor: nextCursorOf(page, list) });
}

/** The answer of a list whose items are JSON texts. */
export function toTextPageAnswer(page: Page<string>, list: ListIdentity): Answer {
  const nextCursor = JSON.stringify(nextCursorOf(page, list));
  return pageAnswer(page, new JsonText(`{"data":[${page.data.join(',')}],"nextCursor":${nextCursor}}`));
}

const pageAnswer = ({ isCut }: Page<unknown>, body: unknown): Answer => ({
  status: 200,
  body,
  limit: isCut ? 'page-cut' : null,
});

const nextCursorOf = ({ next }: Page<unknown>, list: ListIdentity): string | null =>
  next === null ? null : encode(tagOf(list), next);

function encode(tag: string, position: string): string {
  return Buffer.from(`1.${tag}.${position}`, 'latin1').toString('base64url');
}

/** A checksum, not a signature: row-level security decides what a caller sees, not the cursor. */
function tagOf({ path, filters }: ListIdentity): string {
  return createHash('sha256')
    .update(JSON.stringify([path, filters]))
    .digest('base64url')
    .slice(0, 11);
}
