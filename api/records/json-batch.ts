import { ApiError } from '../errors/api-error.ts';
import { PartBuffer } from '../http/body-parts.ts';
import type { BodyPart } from '../http/body-parts.ts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  decodeJson,
  MAX_DEPTH,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  tooDeep,
} from '../http/json.ts';
import { allOf, checkOutside, invalidRequest } from '../http/parse.ts';
import { batchEnvelope } from '../schemas/records/batch.ts';
import type { Turns } from '../http/turns.ts';

const COMMA = 0x2c;

/** Limit of the text around the records. It may be parsed many times, so it must stay small. */
const MAX_ENVELOPE_BYTES = 4_096;

/** Replaces the first record while the parser finds out which property an array belongs to. */
const PROBE = '0]}';

/**
 * Yields the records of `{"records": […]}` as bytes while the body arrives. The caller parses the records; the text
 * around them is checked here. Throws `malformed-json`, `invalid-request` or `body-too-large`, possibly after some
 * records.
 */
export async function* readBatch(chunks: AsyncIterable<Buffer>, turns: Turns): AsyncGenerator<BodyPart> {
  const reader = new BatchReader();
  for await (const chunk of chunks) {
    if (!turns.resume()) await turns.next();
    for (const part of reader.push(chunk)) {
      yield part;
      if (turns.endsWith(part.bytes?.length ?? 0)) await turns.next();
    }
  }
  reader.end();
}

/**
 * Splits by depth and strings alone: a record split wrongly because its brackets do not match is not valid JSON by
 * itself either.
 */
class BatchReader {
  #envelope = Buffer.alloc(0);
  readonly #part = new PartBuffer();
  #number = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #inRecords = false;
  #hadRecords = false;

  *push(chunk: Buffer): Generator<BodyPart> {
    let start = 0;
    for (let edge = this.#findEdge(chunk, 0); edge < chunk.length; edge = this.#findEdge(chunk, edge + 1)) {
      if (this.#inRecords) {
        const isLast = chunk[edge] !== COMMA;
        this.#part.add(chunk, start, edge);
        this.#inRecords = !isLast;
        start = isLast ? edge : edge + 1;
        const part = this.#takePart(isLast);
        if (part) yield part;
      } else {
        this.#addToEnvelope(chunk.subarray(start, edge + 1));
        start = edge + 1;
        this.#inRecords = this.#opensRecords();
      }
    }
    if (this.#inRecords) this.#part.add(chunk, start, chunk.length);
    else this.#addToEnvelope(chunk.subarray(start));
  }

  end(): void {
    allOf(checkOutside(batchEnvelope, decodeJson(this.#envelope)));
  }

  /**
   * Index where a record ends or an array opens that may hold the records; the chunk's length when there is neither.
   */
  #findEdge(chunk: Buffer, from: number): number {
    let index = from;
    while (index < chunk.length) {
      if (this.#inString) {
        index = this.#leaveString(chunk, index);
        continue;
      }
      if (this.#isEdge(chunk[index])) return index;
      index += 1;
    }
    return index;
  }

  #leaveString(chunk: Buffer, from: number): number {
    let index = from;
    for (; index < chunk.length; index += 1) {
      const byte = chunk[index];
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return index + 1;
      }
    }
    return index;
  }

  #isEdge(byte: number | undefined): boolean {
    if (byte === COMMA) return this.#inRecords && this.#depth === 2;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return this.#goDeeper() && byte === OPEN_BRACKET;
    if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) return this.#goBack();
    if (byte === QUOTE) this.#inString = true;
    return false;
  }

  /** Whether the value that opens here may be the records. */
  #goDeeper(): boolean {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw tooDeep();
    return this.#depth === 2 && !this.#inRecords;
  }

  /** Whether the value that closes here is the records. */
  #goBack(): boolean {
    this.#depth -= 1;
    return this.#inRecords && this.#depth === 1;
  }

  /** Whether the array at the end of the envelope so far is the value of `records`. Rejects invalid text before it. */
  #opensRecords(): boolean {
    const envelope = decodeJson(Buffer.concat([this.#envelope, Buffer.from(PROBE)]));
    const records =
      typeof envelope === 'object' && envelope !== null && 'records' in envelope ? envelope.records : undefined;
    if (!Array.isArray(records) || records.length === 0) return false;
    if (this.#hadRecords) throw invalidRequest([{ path: 'records', message: 'Given more than once' }]);
    this.#hadRecords = true;
    allOf(checkOutside(batchEnvelope, envelope));
    return true;
  }

  /** Null for an empty array, which has no part. */
  #takePart(isLast: boolean): BodyPart | null {
    const bytes = this.#part.take();
    if (isLast && this.#number === 0 && bytes?.length === 0) return null;
    this.#number += 1;
    return { number: this.#number, bytes };
  }

  #addToEnvelope(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#envelope.length + piece.length > MAX_ENVELOPE_BYTES)
      throw tooMuchAround(Buffer.concat([this.#envelope, piece]));
    this.#envelope = Buffer.concat([this.#envelope, piece]);
  }
}

function tooMuchAround(envelope: Buffer): ApiError {
  const isList = /^\s*\[/.test(envelope.toString('latin1'));
  if (isList)
    return invalidRequest([{ path: '', message: 'Expected an object with the list as `records`, received array' }]);
  return new ApiError(
    'body-too-large',
    `What stands around \`records\` is larger than ${MAX_ENVELOPE_BYTES / 1_024} KB.`,
  );
}
