import { singularOf } from '../../records/record-kind.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { Problem } from './service-problems.ts';

export type RecordProblemCode = `${string}-not-found`;

/** Named after the record's id in paths: `invoice-not-found` for `invoiceId`. */
export const recordNotFoundCode = ({ idName }: RecordKind): RecordProblemCode =>
  `${idName.replace(/Id$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}-not-found`;

export function recordNotFoundProblem(kind: RecordKind): Problem {
  const one = singularOf(kind);
  return {
    status: 404,
    title: `No such ${one}`,
    meaning: `The venue has no ${one} with this id, or, for a change, the ${one} is deleted.`,
    remedy: `List the ${kind.words.several} of the venue, by \`sourceId\` for example.`,
  };
}
