import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { createVenueGate } from '../../../api/auth/venue-gate.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import type { Venue, VenueStore } from '../../../db/core/venue-store.ts';

const ID = uuidv7() as VenueId;
const CALLER = { subject: 'alice', role: 'admin', venues: '*', expiresAt: new Date(1e12) } as const;

/** A gate whose clock and look-ups the test moves. */
function aGate() {
  let nowMs = 0;
  const lookUps: PromiseWithResolvers<Venue | null>[] = [];
  const find = () => {
    const lookUp = Promise.withResolvers<Venue | null>();
    lookUps.push(lookUp);
    return lookUp.promise;
  };
  const gate = createVenueGate({ find } as unknown as VenueStore, () => new Date(nowMs));
  const answer = async (closingSince: Date | null = null) => {
    const lookUp = lookUps.shift();
    if (!lookUp) throw new Error('nothing was looked up');
    lookUp.resolve({
      ...{ id: ID, sourceId: null, name: 'A', timeZone: 'UTC', currency: 'EUR', closingSince },
      ...{ createdAt: new Date(0), updatedAt: new Date(0) },
    });
    await new Promise(setImmediate);
  };
  return {
    gate,
    lookUps,
    answer,
    at: (ms: number) => {
      nowMs = ms;
    },
    known: async () => {
      const entering = gate.enter(CALLER, ID);
      await answer();
      await entering;
    },
  };
}

/** Whether it has an answer without a look-up that is still to come. */
const isAtOnce = async (work: Promise<void>) => {
  let done = false;
  work.then(
    () => (done = true),
    () => (done = true),
  );
  await new Promise(setImmediate);
  return done;
};

describe('the gate of a venue that is changed all the time', () => {
  it('looks the venue up again every half second, once at a time, and lets no change wait for it', async () => {
    const { gate, lookUps, answer, at, known } = aGate();
    await known();
    let looked = 0;
    for (let ms = 0; ms < 10_000; ms += 50) {
      at(ms);
      expect(await isAtOnce(gate.requireOpen(ID))).toBe(true);
      expect(lookUps.length).toBeLessThanOrEqual(1);
      if (lookUps.length === 1 && ms % 200 === 0) {
        looked += 1;
        await answer();
      }
    }
    expect(looked).toBeGreaterThan(10);
    expect(looked).toBeLessThanOrEqual(20);
  });

  it('lets a change wait once what is known is a second old', async () => {
    const { gate, answer, at, known } = aGate();
    await known();
    at(999);
    expect(await isAtOnce(gate.requireOpen(ID))).toBe(true);
    at(1_000);
    const waiting = gate.requireOpen(ID);
    expect(await isAtOnce(waiting)).toBe(false);
    await answer();
    await answer();
    await waiting;
  });

  it('refuses changes as soon as a look-up has found the closing', async () => {
    const { gate, answer, at, known } = aGate();
    await known();
    at(500);
    await gate.requireOpen(ID);
    await answer(new Date(400));
    at(510);
    await expect(gate.requireOpen(ID)).rejects.toMatchObject({ code: 'venue-closing' });
  });

  it('does not remember what it looked up before the venue was changed here', async () => {
    const { gate, lookUps, answer, at, known } = aGate();
    await known();
    at(500);
    await gate.requireOpen(ID);
    gate.forget(ID);
    await answer();
    const waiting = gate.requireOpen(ID);
    expect(lookUps).toHaveLength(1);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'venue-closing' });
    await answer(new Date(500));
    await refused;
  });

  it('goes on after a look-up ahead has failed, until a change has to wait', async () => {
    const { gate, lookUps, at, known } = aGate();
    await known();
    at(600);
    await gate.requireOpen(ID);
    lookUps.shift()?.reject(new Error('the database is away'));
    await new Promise(setImmediate);
    at(900);
    expect(await isAtOnce(gate.requireOpen(ID))).toBe(true);
    at(1_001);
    const waiting = gate.requireOpen(ID);
    for (const lookUp of lookUps) lookUp.reject(new Error('the database is away'));
    await expect(waiting).rejects.toThrow('the database is away');
  });
});
