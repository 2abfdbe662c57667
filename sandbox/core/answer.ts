import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly written?: boolean;
  /** Cut the connection: before a byte is sent, or halfway through the body. */
  readonly cut?: 'before' | 'halfway';
}

/** The error page that a proxy shows when it cannot reach the provider. */
export const PROXY_PAGE =
  '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad gateway</h1></body></html>';

/** Applies a fault that cuts the connection to the answer of a request that has run. */
export function cutBy(fault: Fault | null, answer: Answer): Answer {
  if (fault?.kind === 'truncate') return { ...answer, cut: 'halfway' };
  if (fault?.kind === 'commit-then-fail' && fault.status === undefined) return { ...answer, cut: 'before' };
  return answer;
}

export function send(req: IncomingMessage, res: ServerResponse, answer: Answer): void {
  const { socket } = req;
  if (answer.cut === 'before') {
    socket.resetAndDestroy();
    return;
  }
  const body = Buffer.from(answer.body);
  res.writeHead(answer.status, { ...answer.headers, 'content-length': body.length });
  if (answer.cut === 'halfway') res.write(body.subarray(0, body.length >> 1), () => socket.destroy());
  else res.end(body);
}
