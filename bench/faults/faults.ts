import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { startSystem } from '../../test/support/worlds/system.ts';
import type { System } from '../../test/support/worlds/system.ts';
import { installBullMq } from '../ingest/bullmq.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder } from '../support/system.ts';
import { startPeerSubject } from './bullmq-peer.ts';
import { drive } from './drive.ts';
import type { Driven } from './drive.ts';
import { SECRETS, eventIdOf, prepareGround } from './events.ts';
import type { Ground } from './events.ts';
import { drawPlan } from './plan.ts';
import type { Plan, PlanSize } from './plan.ts';
import { countCrossings, serviceSubject } from './service.ts';
import type { Subject } from './subject.ts';

/** What became of the acknowledged events. Events that nobody can apply count as lost only when they are not kept. */
interface Findings {
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly wrongRecords: number;
  /** Which of them an event has left so, and which the run that deletes. */
  readonly wrongWhen: string;
  /** Deletions that waited for a person: many at once are not carried out by events alone. */
  readonly heldDeletions: number;
}

/**
 * Sends the same events under the same faults to this service and to BullMQ, and counts what each of them has lost,
 * applied twice, or left in an older state. The peer is the control: a run that harms nobody proves nothing. A long run
 * may leave it out.
 */
export async function benchFaults(
  size: PlanSize,
  { hasControl }: { readonly hasControl: boolean },
): Promise<readonly Row[]> {
  console.log(`seed ${size.seed}`);
  const plan = drawPlan(size);
  return withFolder(async (folder) => {
    if (hasControl) await installBullMq(folder);
    const system = await startSystem({ ownServers: true, env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
    try {
      const ground = await prepareGround(system, plan);
      const rows = await runService(system, plan, ground);
      return hasControl ? [...rows, await runPeer(system, { plan, ground, folder })] : rows;
    } finally {
      await system.stop();
    }
  });
}

async function runService(system: System, plan: Plan, ground: Ground): Promise<readonly Row[]> {
  const subject = await serviceSubject(system, ground);
  const driven = await drive(plan, ground, subject);
  const findings = await examine(plan, ground, { subject, driven });
  const [crossed, leaked] = [await countCrossings(system), await countLeaks(system)];
  return [
    {
      what: 'this service',
      ...figuresOf(driven, findings),
      ...{ crossed, leaked },
      goal: 'none lost, doubled, wrong, open, crossed or leaked',
      met: [findings.lost, findings.doubled, findings.wrongRecords, driven.open, crossed, leaked].every((n) => n === 0),
    },
  ];
}

async function runPeer(
  system: System,
  { plan, ground, folder }: { readonly plan: Plan; readonly ground: Ground; readonly folder: string },
): Promise<Row> {
  const subject = await startPeerSubject(system, ground, folder);
  try {
    const driven = await drive(plan, ground, subject);
    const findings = await examine(plan, ground, { subject, driven });
    return {
      what: 'BullMQ, the control',
      ...figuresOf(driven, findings),
      ...{ crossed: null, leaked: null },
      goal: 'some lost or doubled',
      met: findings.lost + findings.doubled > 0,
    };
  } finally {
    await subject.stop();
  }
}

const figuresOf = ({ struck, refused, sendingS, drainingS, open }: Driven, findings: Findings) => ({
  ...findings,
  open,
  faults: [...struck.values()].reduce((sum, times) => sum + times, 0),
  refused,
  sendingS: round(sendingS, 0),
  drainingS: round(drainingS, 0),
});

async function examine(
  plan: Plan,
  ground: Ground,
  { subject, driven: { acknowledged } }: { readonly subject: Subject; readonly driven: Driven },
): Promise<Findings> {
  const numbers = new Map([...acknowledged].map((number) => [eventIdOf(plan, number), number]));
  const applied = new Set<number>();
  let doubled = 0;
  for await (const portion of subject.applications())
    for (const { id, times, isDead } of portion) {
      const number = numbers.get(id);
      // An event that was never acknowledged may be kept all the same: its answer was lost.
      if (number === undefined) continue;
      if (plan.events[number]?.what === 'poison' ? isDead : times > 0) applied.add(number);
      if (times > 1) doubled += 1;
    }
  const isExpected = (number: number) => plan.events[number]?.what !== 'poison' || subject.keepsPoison;
  const lost = [...acknowledged].filter((number) => isExpected(number) && !applied.has(number)).length;
  const told = await compareRecords(plan, ground, subject);
  for (const account of ground.accounts.keys()) await subject.approveDeletions(account);
  const { wrong: wrongAfterApproval, held: heldAfterApproval } = await compareRecords(plan, ground, subject);
  return {
    ...{ acknowledged: acknowledged.size, lost, doubled, heldDeletions: told.held },
    wrongRecords: told.wrong + wrongAfterApproval + heldAfterApproval,
    wrongWhen: `${told.wrong} before approval, ${wrongAfterApproval} after it, ${heldAfterApproval} still held`,
  };
}

/** Customers that are not in the last state, customers of other accounts, and those whose deletion is held. */
async function compareRecords(plan: Plan, { accounts, customers }: Ground, subject: Subject) {
  let [wrong, held] = [0, 0];
  for (const account of accounts.keys()) {
    const [found, heldBack] = [await subject.records(account), await subject.heldDeletions(account)];
    const expected = new Map(
      customers
        .filter((_, customer) => plan.customers[customer] === account)
        .flatMap(({ id, lastName }) => (lastName === null ? [] : [[id, lastName] as const])),
    );
    for (const [id, name] of expected) if (found.get(id) !== name) wrong += 1;
    for (const id of found.keys()) {
      if (expected.has(id)) continue;
      if (heldBack.has(id)) held += 1;
      else wrong += 1;
    }
  }
  return { wrong, held };
}

/** Lines of the logs with a customer's name or a secret. */
async function countLeaks(system: System): Promise<number> {
  let leaks = 0;
  for (const service of ['api', 'worker'] as const)
    for await (const line of createInterface({ input: createReadStream(system.logFileOf(service)) }))
      if (SECRETS.test(line)) leaks += 1;
  return leaks;
}
