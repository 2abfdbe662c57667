import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { signToken } from '../../runtime/start/tokens.ts';

/** A request that the API has begun to receive and cannot answer yet. */
export interface Upload {
  /** Sends the rest and returns the answer's status. */
  finish(): Promise<number>;
}

/**
 * Sends the request that creates a venue except for its last byte. Resolves when the API has the headers, which it
 * confirms with 100 Continue.
 */
export async function beginUpload(apiUrl: string, jwtSecret: string): Promise<Upload> {
  const token = await signToken({ subject: 'image-check', role: 'admin', venues: '*', ttlSeconds: 300 }, jwtSecret);
  const body = JSON.stringify({ name: 'Image check', timeZone: 'Europe/Berlin', currency: 'EUR' });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    expect: '100-continue',
  };
  const outgoing = request(`${apiUrl}/v1/venues`, { method: 'POST', headers });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  await new Promise<void>((resolve, reject) => {
    outgoing.once('continue', resolve).once('error', reject).flushHeaders();
  });
  return {
    finish: async () => {
      outgoing.end(body);
      const response = await answer;
      response.resume();
      return response.statusCode ?? 0;
    },
  };
}
