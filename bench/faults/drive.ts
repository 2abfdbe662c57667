import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signatureHeader } from '../../sandbox/stripe/events/webhook-sender.ts';
import { eventBody } from './events.ts';
import type { Ground } from './events.ts';
import type { FaultKind, Plan } from './plan.ts';
import type { Subject } from './subject.ts';

const SENDERS = 16;
const ANSWER_LIMIT_MS = 10_000;
const ACKNOWLEDGED_LIMIT_MS = 300_000;
const PAUSE_MS = 100;
const DRAINED_LIMIT_MS = 600_000;

export interface Driven {
  /** Numbers of the events that were acknowledged. */
  readonly acknowledged: ReadonlySet<number>;
  /** Attempts that were not acknowledged. */
  readonly refused: number;
  readonly struck: ReadonlyMap<FaultKind, number>;
  readonly sendingS: number;
  readonly drainingS: number;
  /** Events that still wait when the limit is over. */
  readonly open: number;
}

/** Delivers the events while the faults strike, each event until it is acknowledged, and waits until none is left. */
export async function drive(plan: Plan, ground: Ground, subject: Subject): Promise<Driven> {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  const acknowledged = new Set<number>();
  const struck = new Map<FaultKind, number>();
  const progress = { next: 0, refused: 0, faultsDone: 0, failed: null as unknown };
  const total = plan.deliveries.length;
  /** Deliveries wait for the faults, so that each fault strikes while events arrive. */
  const mayGoOn = (): boolean =>
    plan.faults.length === 0 || progress.next < ((progress.faultsDone + 1) / plan.faults.length) * total;

  const send = async (): Promise<void> => {
    while (progress.next < total && progress.failed === null) {
      if (!mayGoOn()) {
        await sleep(5);
        continue;
      }
      const number = plan.deliveries[progress.next++]!;
      await deliver(number);
      acknowledged.add(number);
    }
  };
  const deliver = async (number: number): Promise<void> => {
    const body = eventBody(plan, ground, number);
    const deadlineMs = performance.now() + ACKNOWLEDGED_LIMIT_MS;
    while (!(await post(agent, subject, body))) {
      progress.refused += 1;
      if (performance.now() > deadlineMs)
        throw new Error(`an event is not acknowledged in ${ACKNOWLEDGED_LIMIT_MS} ms`);
      await sleep(PAUSE_MS);
    }
  };
  const strike = async (): Promise<void> => {
    for (const fault of plan.faults) {
      while (progress.next < fault.at * total && progress.failed === null) await sleep(5);
      await subject.strike(fault);
      struck.set(fault.kind, (struck.get(fault.kind) ?? 0) + 1);
      progress.faultsDone += 1;
    }
  };
  /** The first failure ends the others too. */
  const guarded = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      progress.failed ??= error;
      throw error;
    });

  const startedAt = performance.now();
  try {
    await Promise.all([guarded(strike()), ...Array.from({ length: SENDERS }, () => guarded(send()))]);
  } finally {
    agent.destroy();
  }
  const sentAt = performance.now();
  const open = await untilDrained(subject);
  return {
    ...{ acknowledged, struck, refused: progress.refused, open },
    sendingS: (sentAt - startedAt) / 1_000,
    drainingS: (performance.now() - sentAt) / 1_000,
  };
}

/** Resolves with how many events wait in the end. */
async function untilDrained(subject: Subject): Promise<number> {
  const deadlineMs = performance.now() + DRAINED_LIMIT_MS;
  for (;;) {
    const open = await subject.countOpen().catch(() => null);
    if (open === 0 || performance.now() > deadlineMs) return open ?? -1;
    await sleep(200);
  }
}

/** Whether one delivery is acknowledged. */
function post(agent: Agent, { url, secret }: Subject, body: string): Promise<boolean> {
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'stripe-signature': signatureHeader(body, secret, Math.floor(Date.now() / 1_000)),
  };
  return new Promise((resolve) => {
    const sending = request(
      url,
      { method: 'POST', agent, headers, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) },
      (response) => {
        response.once('error', () => {
          resolve(false);
        });
        response.resume().once('end', () => {
          resolve(response.statusCode === 200);
        });
      },
    );
    sending
      .once('error', () => {
        resolve(false);
      })
      .end(body);
  });
}
