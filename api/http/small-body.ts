import type { IncomingMessage } from 'node:http';
import { ApiError } from '../errors/api-error.ts';
import { MIN_BYTES_A_MS } from './body-stream.ts';

const MIB = 1_048_576;

export interface SmallBodyOptions {
  readonly limitBytes: number;
  /** How long the sender may take, besides the time that received bytes add. */
  readonly patienceMs: number;
}

/**
 * Reads a body whole, as it was sent. A BodyStream does the same for bodies of any size, at ten times the cost for one
 * that arrives with its headers, as a provider's event does. Throws `body-too-large`, `request-timeout`, and
 * `malformed-request` when the body ends early. The rest of a body that is refused is discarded as it arrives.
 */
export function readSmallBody(req: IncomingMessage, { limitBytes, patienceMs }: SmallBodyOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now();
    const pieces: Buffer[] = [];
    let bytes = 0;

    const leave = (): void => {
      clearTimeout(timer);
      req.off('data', take).off('end', end).off('close', breakOff).off('error', breakOff);
    };
    const refuse = (error: ApiError): void => {
      leave();
      // An error without a listener would end the process.
      req.on('error', () => undefined).resume();
      reject(error);
    };
    const take = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes > limitBytes) refuse(tooLarge(limitBytes));
      else pieces.push(piece);
    };
    const end = (): void => {
      if (!req.complete) {
        breakOff();
        return;
      }
      leave();
      const [first, ...others] = pieces;
      resolve(first && others.length === 0 ? first : Buffer.concat(pieces, bytes));
    };
    const breakOff = (): void => {
      refuse(new ApiError('malformed-request', 'The body ended before its time.'));
    };
    const giveUp = (): void => {
      const leftMs = patienceMs + bytes / MIN_BYTES_A_MS - (performance.now() - startedAtMs);
      if (leftMs > 0) timer = setTimeout(giveUp, leftMs);
      else refuse(new ApiError('request-timeout', 'The body arrives too slowly.'));
    };
    let timer = setTimeout(giveUp, patienceMs);
    req.on('data', take).on('end', end).on('close', breakOff).on('error', breakOff);
  });
}

const tooLarge = (limitBytes: number): ApiError =>
  new ApiError('body-too-large', `The body is larger than ${limitBytes / MIB} MB.`);

/** Rejects by the announced length, before anything is read. */
export function refuseAnnounced({ headers }: IncomingMessage, limitBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
}
