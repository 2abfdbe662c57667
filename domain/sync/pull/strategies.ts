import { firstOffsetPart, checkOffsetPage } from './offset.ts';
import type { OffsetPart } from './offset.ts';
import { anomalyOf } from './page-check.ts';
import { firstCursorPart, checkCursorPage, restartCursorPart } from './page-cursor.ts';
import type { CursorPart } from './page-cursor.ts';
import { NONE } from './part.ts';
import type { ListedPage, NewPart, Verdict } from './part.ts';
import type { Stream } from './pull-plan.ts';
import { advance, firstSegment, restart } from './segments.ts';
import type { Segment } from './segments.ts';

/** The position of one reader of a list, in the terms of the list's strategy. */
export type Part = Segment | CursorPart | OffsetPart;

/** Only these parts can be split among several readers. */
export const isSegment = (part: Part): part is Segment => strategyOf(part) === 'timeWindows';

const strategyOf = ({ strategy = 'timeWindows' }: Part): Stream['strategy'] => strategy;

/** False when an earlier version of this service began the run with another strategy for the list. */
export const isOfStream = (part: Part, stream: Stream | undefined): boolean => strategyOf(part) === stream?.strategy;

const FIRST: Readonly<Record<Stream['strategy'], (part: NewPart) => Part>> = {
  timeWindows: firstSegment,
  pageCursor: firstCursorPart,
  offset: firstOffsetPart,
};

export const firstPart = (stream: Stream, part: NewPart): Part => FIRST[stream.strategy](part);

/** What to do with a page of the stream requested for `part`. Pure. */
export function checkPage(stream: Stream, part: Part, page: ListedPage): Verdict<Part> {
  if (stream.strategy === 'pageCursor') return checkCursorPage(part as CursorPart, page);
  if (stream.strategy === 'offset') return checkOffsetPage(part as OffsetPart, page, stream);
  return checkSegmentPage(part as Segment, page);
}

function checkSegmentPage(segment: Segment, page: ListedPage): Verdict<Segment> {
  const anomaly = anomalyOf(segment, page);
  if (anomaly === 'page-repeats') return { do: 'ask-again', part: segment, anomaly };
  return { do: 'take', left: advance(segment, page), anomaly, known: NONE, isReread: false };
}

/** The part after its cursor has expired; null when it cannot continue. */
export function restartPart(stream: Stream, part: Part): Part | null {
  if (stream.strategy === 'pageCursor') return restartCursorPart(part as CursorPart, stream);
  if (stream.strategy === 'offset') return firstOffsetPart({ ...part, after: null, pagesRead: 0 });
  return restart(part as Segment);
}
