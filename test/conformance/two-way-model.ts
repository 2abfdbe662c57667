import { expect } from 'vitest';
import type { SyncMode } from '../../contracts/providers.ts';
import { NO_TWIN, isSame, mergeCustomer } from './two-way-merge.ts';
import type { Customer, Twin } from './two-way-merge.ts';
import type { Person } from './two-way-people.ts';
import type { Fault, History, Step, Where } from './two-way-steps.ts';
import type { Side, TwoWayWorld } from './two-way-world.ts';

/** What differs between providers, as their documents say. */
export interface ModelRules {
  /** A first meeting ties what is the same by name and address, or by the address alone. */
  readonly ties: boolean;
  /** An empty value at the provider tells nothing. */
  readonly emptyTellsNothing: boolean;
  /** Retries come too soon after a 429, whatever it says. */
  readonly limitsForLong?: boolean;
  /** Incremental runs learn of the provider's deletions; others learn of those whose records the venue has changed. */
  readonly tellsDeletions: boolean;
}

/** A person has to decide about the customer first, so that no more happens to it. */
const isHeld = ({ twins }: Customer) => twins.some((twin) => twin.isHeld);

const isToBeMet = ({ venue, twins }: Customer) =>
  venue !== null && twins.some(({ now, agreed }) => now !== null && agreed === null);

function alike(what: string, found: readonly string[], wanted: readonly string[]): void {
  const only = (ones: readonly string[], others: readonly string[]) => ones.filter((one) => !others.includes(one));
  const [more, fewer] = [only(found, wanted), only(wanted, found)];
  if (more.length > 0 || fewer.length > 0 || found.length !== wanted.length)
    throw new Error(`${what} has ${JSON.stringify(more)} and lacks ${JSON.stringify(fewer)}, of ${found.length}`);
}

/** Plays a history against a world and its model, and compares both after every run. */
export async function playHistory(world: TwoWayWorld, rules: ModelRules, history: History): Promise<void> {
  const side = await world.aSide();
  const sides: Side[] = [side];
  for (let more = 1; more < history.accounts; more += 1) sides.push(await world.aSide(side));
  const { policy, deletionPolicy } = history;
  for (const one of sides) await world.setPolicy(one, 'customers', { policy, deletionPolicy });
  const play = new Play(world, { rules, history, sides });
  for (const [index, one] of history.steps.entries())
    await play.step(one).catch((error: unknown) => {
      throw new Error(`step ${index} ${JSON.stringify(one)}: ${(error as Error).message}\n${play.story.join('\n')}`);
    });
  await play.quiet().catch((error: unknown) => {
    throw new Error(`at the end: ${(error as Error).message}\n${play.story.join('\n')}`);
  });
}

interface Setting {
  readonly rules: ModelRules;
  readonly history: History;
  readonly sides: readonly Side[];
}

class Play {
  readonly story: string[] = [];
  readonly #world: TwoWayWorld;
  readonly #rules: ModelRules;
  readonly #history: History;
  readonly #sides: readonly Side[];
  #customers: Customer[] = [];
  #count = 0;
  #isUnsettled = false;

  constructor(world: TwoWayWorld, { rules, history, sides }: Setting) {
    this.#world = world;
    this.#rules = rules;
    this.#history = history;
    this.#sides = sides;
  }

  async step(step: Step): Promise<void> {
    if ('at' in step && step.at !== 'venue' && step.at >= this.#sides.length) return;
    await (step.do === 'run' ? this.#run(step) : this.#edit(step));
  }

  async #edit(step: Exclude<Step, { readonly do: 'run' }>): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.#create(step.at, this.#aPerson());
      case 'create-on-both':
        return this.#createOnBoth(step);
      case 'change':
        return this.#change(step, Object.fromEntries(step.fields.map((name) => [name, this.#aPerson()[name]])));
      case 'clear-phone':
        return this.#clearPhone(step);
      case 'delete':
        return this.#delete(step);
      case 'create-again':
        return this.#createAgain(step);
      case 'take-over':
        return this.#takeOver(step);
      case 'load-again':
        return this.#loadAgain(step.who);
    }
  }

  async #clearPhone(step: Step & { readonly do: 'clear-phone' }): Promise<void> {
    if (step.at === 'venue' || !this.#rules.emptyTellsNothing) await this.#change(step, { phone: null });
  }

  #aPerson(): Person {
    this.#count += 1;
    const digits = String(this.#count).padStart(4, '0');
    return { name: `Ada N${digits}`, email: `ada-${digits}@example.com`, phone: `+4930123${digits}` };
  }

  #pick(who: number, fits: (one: Customer) => boolean): Customer | undefined {
    const fitting = this.#customers.filter((one) => !isHeld(one) && one.isReplaced !== true && fits(one));
    return fitting[who % Math.max(1, fitting.length)];
  }

  #tell(what: string, person?: Partial<Person>): void {
    this.story.push(person ? `${what} ${JSON.stringify(person)}` : what);
  }

  async #load(sourceId: string, person: Person): Promise<void> {
    await this.#world.load(this.#sides[0] as Side, 'customers', { ...person }, sourceId);
  }

  async #create(at: Where, person: Person): Promise<void> {
    this.#tell(`create at ${at}`, person);
    const customer: Customer = {
      sourceId: null,
      venue: null,
      twins: this.#sides.map(() => NO_TWIN),
    };
    if (at === 'venue') {
      customer.sourceId = `c-${this.#customers.length}`;
      customer.venue = person;
      await this.#load(customer.sourceId, person);
    } else {
      await this.#world.standIn.tick();
      customer.twins[at] = {
        id: await this.#sideAt(at).account.people.enter(person),
        now: person,
        agreed: null,
        isHeld: false,
      };
    }
    this.#customers.push(customer);
  }

  async #createOnBoth({ at, phones }: Step & { readonly do: 'create-on-both' }): Promise<void> {
    const person = this.#aPerson();
    const there = {
      ...person,
      phone: phones === 'alike' ? person.phone : phones === 'one' ? null : this.#aPerson().phone,
    };
    await this.#create('venue', person);
    await this.#create(at, there);
    if (!this.#rules.ties) return;
    // One customer, whom a run ties.
    const [one, other] = this.#customers.splice(-2) as [Customer, Customer];
    one.twins[at] = other.twins[at] as Twin;
    this.#customers.push(one);
  }

  #sideAt(at: 0 | 1): Side {
    return this.#sides[at] as Side;
  }

  async #change(
    { at, who: number }: { readonly at: Where; readonly who: number },
    change: Partial<Person>,
  ): Promise<void> {
    const customer = this.#pick(number, ({ venue, twins }) =>
      at === 'venue' ? venue !== null : twins[at]?.now != null,
    );
    if (customer) await this.#changeOne(customer, at, change);
  }

  async #changeOne(customer: Customer, at: Where, change: Partial<Person>): Promise<void> {
    // Whoever has not been met yet is known by name and address alone.
    if (isToBeMet(customer) && ('name' in change || 'email' in change)) return;
    if (at === 'venue') {
      customer.venue = { ...(customer.venue as Person), ...change };
      this.#tell(`change ${customer.sourceId} at the venue`, change);
      await this.#load(customer.sourceId as string, customer.venue);
      return;
    }
    const twin = customer.twins[at] as Twin;
    // Whoever has no record that has met it yet is only known by what it says: changing that may end a tie.
    if (twin.agreed === null && customer.venue !== null) return;
    this.#tell(`change ${customer.sourceId ?? twin.id} at ${at}`, change);
    customer.twins[at] = { ...twin, now: { ...(twin.now as Person), ...change } };
    await this.#world.standIn.tick();
    await this.#sideAt(at).account.people.change(twin.id as string, change);
  }

  async #delete({ at, who: number }: { readonly at: Where; readonly who: number }): Promise<void> {
    const customer = this.#pick(number, ({ venue, twins }) =>
      at === 'venue' ? venue !== null : twins[at]?.now != null && (twins[at].agreed !== null || venue === null),
    );
    if (!customer || isToBeMet(customer)) return;
    if (at === 'venue') {
      this.#tell(`delete ${customer.sourceId} at the venue`);
      customer.venue = null;
      await this.#world.remove(
        this.#sideAt(0),
        'customers',
        await this.#world.recordOf(this.#sideAt(0), 'customers', customer.sourceId as string),
      );
      return;
    }
    const twin = customer.twins[at] as Twin;
    this.#tell(`delete ${customer.sourceId ?? twin.id} at ${at}`);
    customer.twins[at] = { ...twin, now: null };
    await this.#world.standIn.tick();
    await this.#sideAt(at).account.remove('customers', twin.id as string);
  }

  /** Somebody enters a customer under the name and address of one that this side has deleted. */
  async #createAgain({ at, who: number }: { readonly at: Where; readonly who: number }): Promise<void> {
    const customer = this.#pick(
      number,
      ({ venue, last, twins }) =>
        venue === null &&
        last != null &&
        twins.every(({ agreed, now }) => now === null || (at === 'venue' && agreed !== null && isSame(now, agreed))),
    );
    const known = customer?.last;
    if (!customer || !known || this.#isTaken(known, customer)) return;
    customer.isReplaced = true;
    this.#tell('again:');
    await this.#create(at, { ...known, phone: this.#aPerson().phone });
  }

  #isTaken({ name, email }: Person, by: Customer): boolean {
    return this.#customers.some(
      ({ venue, twins, ...other }) =>
        by.sourceId !== other.sourceId &&
        [venue, ...twins.map(({ now }) => now)].some((one) => one?.name === name || one?.email === email),
    );
  }

  /** A customer gets another name and address, and somebody new has the earlier ones. */
  async #takeOver({ at, who: number }: { readonly at: Where; readonly who: number }): Promise<void> {
    const customer = this.#pick(number, (one) => {
      const now = at === 'venue' ? one.venue : one.twins[at]?.now;
      return (
        now != null && !isToBeMet(one) && one.twins.every((twin) => twin.now === null || isSame(twin.now, one.venue))
      );
    });
    const earlier = customer?.venue;
    if (!customer || !earlier) return;
    const { name, email } = this.#aPerson();
    await this.#changeOne(customer, at, { name, email });
    await this.#create(at, { ...earlier, phone: this.#aPerson().phone });
    customer.isReplaced = true;
    this.#isUnsettled = true;
  }

  /** The venue loads a record again that it, or a provider, has deleted. */
  async #loadAgain(number: number): Promise<void> {
    const customer = this.#pick(number, ({ sourceId, venue }) => sourceId !== null && venue === null);
    if (!customer) return;
    customer.venue = this.#aPerson();
    this.#tell(`load ${customer.sourceId} again`, customer.venue);
    await this.#load(customer.sourceId as string, customer.venue);
  }

  async #run({ at, mode, fault }: Step & { readonly do: 'run' }): Promise<void> {
    const side = this.#sideAt(at);
    // A run that is not told of deletions meets those of what it writes.
    const isTold = this.#rules.tellsDeletions || mode === 'full';
    this.#tell(`${mode} run of ${at}${fault === 'none' ? '' : ` with ${fault}`}`);
    await this.#installFault(side, fault);
    const held = this.#customers.filter(({ twins }) => twins[at]?.isHeld).length;
    const expected = this.#merge(at, isTold);
    if (fault === 'given-up') await this.#giveUp(side, mode);
    let { counts } = await this.#toTheEnd(side, mode);
    // Names and addresses that change hands may clash in one run, and not in the next.
    if (this.#isUnsettled && counts.rejected > 0) {
      this.#tell(`again, for ${counts.rejected} rejected`);
      ({ counts } = await this.#toTheEnd(side, mode));
    }
    await this.#world.standIn.clearFaults();
    if (fault === 'none') this.#checkCounts(counts, { ...expected, held });
    for (const customer of this.#customers) customer.last = customer.venue ?? customer.last ?? null;
    await this.#learn(at);
    await this.#compare();
  }

  /** Runs one chunk, and ends the run whatever came of it. */
  async #giveUp(side: Side, mode: SyncMode): Promise<void> {
    const { world } = this.#world;
    const input = await world.open(side, 'both', mode, { resource: 'customers' });
    await world.begin(input);
    const hasEnded = await world.chunk(input).then(
      () => true,
      () => false,
    );
    await world.finish(input, hasEnded ? 'done' : 'failed');
  }

  #checkCounts(
    counts: { readonly rejected: number; readonly conflicts: number },
    expected: { readonly conflicts: number; readonly held: number },
  ): void {
    const { rejected, conflicts } = counts;
    // What a person has to decide about already is counted again where it is read again.
    const isExpected = conflicts >= expected.conflicts && conflicts <= expected.conflicts + expected.held;
    if (rejected > 0 || (!isExpected && !this.#isUnsettled))
      throw new Error(`${JSON.stringify(counts)}, with ${expected.conflicts} new conflicts of ${expected.held}`);
  }

  async #installFault(side: Side, fault: Fault): Promise<void> {
    if (fault === 'none') return;
    const { createMethod = 'POST', writes } = this.#world.standIn;
    const isCreate = fault === 'lost-create' || (fault === 'given-up' && this.#count % 2 === 0);
    const match = isCreate ? { method: createMethod, path: writes.create } : { method: 'POST', path: writes.update };
    if (fault === 'too-many' && this.#rules.limitsForLong !== true)
      await side.account.fault({ kind: 'status', status: 429, retryAfter: 0, times: 1, match: {} });
    else if (fault === 'too-many' || fault === 'unavailable')
      await side.account.fault({ kind: 'status', status: 503, times: 1, match: {} });
    else await side.account.fault({ kind: 'commit-then-fail', times: 1, match });
  }

  async #toTheEnd(side: Side, mode: SyncMode) {
    const { world } = this.#world;
    const input = await world.open(side, 'both', mode, { resource: 'customers' });
    await world.begin(input);
    let failures = 0;
    for (;;) {
      const result = await world.chunk(input).catch((error: unknown) => {
        failures += 1;
        if (failures > 4) throw error;
        return { status: 'more' } as const;
      });
      if (result.status === 'done') return world.finish(input);
      if (result.status !== 'more') throw new Error(`the run came to ${JSON.stringify(result)}`);
    }
  }

  /** Merges the venue and an account as the documents say. */
  #merge(at: 0 | 1, isTold: boolean): { readonly conflicts: number } {
    const { policy, deletionPolicy } = this.#history;
    let conflicts = 0;
    for (const customer of this.#customers) {
      const wasHeld = customer.twins[at]?.isHeld === true;
      if (mergeCustomer(customer, at, { policy, deletionPolicy, isTold }) && !wasHeld) conflicts += 1;
    }
    return { conflicts };
  }

  /** Learns the names of what a run has made. */
  async #learn(at: 0 | 1): Promise<void> {
    const { admin } = this.#world.world.database;
    const { connectionId, venueId } = this.#sideAt(at);
    const rows = await admin<{ source_id: string; external_id: string | null }[]>`
      select c.source_id, l.external_id from record_links l join customers c on c.id = l.record_id
      where l.connection_id = ${connectionId} and c.venue_id = ${venueId}`;
    for (const customer of this.#customers) {
      const twin = customer.twins[at] as Twin;
      const row =
        customer.sourceId === null
          ? rows.find(({ external_id }) => external_id !== null && external_id === twin.id)
          : rows.find(({ source_id }) => source_id === customer.sourceId);
      if (!row) continue;
      customer.sourceId ??= row.source_id;
      customer.twins[at] = { ...twin, id: row.external_id };
    }
  }

  async #compare(): Promise<void> {
    const told = (one: Person) => `${one.name} ${one.email} ${one.phone}`;
    const records = (await this.#world.records(this.#sideAt(0), 'customers')).filter(
      ({ deletedAt }) => deletedAt === null,
    );
    alike(
      'the venue',
      records.map((one) => told(one as unknown as Person)),
      this.#customers.flatMap(({ venue }) => (venue ? [told(venue)] : [])),
    );
    for (const [index, { account: one }] of this.#sides.entries())
      alike(
        `account ${index}`,
        (await one.people.all()).map(told),
        this.#customers.flatMap(({ twins }) => (twins[index]?.now ? [told(twins[index].now)] : [])),
      );
  }

  /** Runs of every account until all know of everything, and then nothing more is written. */
  async quiet(): Promise<void> {
    for (let round = 0; round < this.#sides.length; round += 1)
      for (const at of this.#sides.keys()) await this.#run({ do: 'run', at: at as 0 | 1, mode: 'full', fault: 'none' });
    const state = async () => ({
      writes: await Promise.all(this.#sides.map((one) => this.#world.writes(one))),
      versions: (await this.#world.records(this.#sideAt(0), 'customers')).map(({ id, version }) => [id, version]),
    });
    this.#tell('quiet runs');
    // What a last run has written to the venue reaches the other account by one more round.
    for (const one of this.#sides) await this.#toTheEnd(one, 'incremental');
    const before = await state();
    for (const mode of ['incremental', 'full'] as const)
      for (const one of this.#sides) {
        const { counts } = await this.#toTheEnd(one, mode);
        expect(counts, `a quiet ${mode} run`).toMatchObject({ created: 0, updated: 0, archived: 0, rejected: 0 });
      }
    expect(await state()).toEqual(before);
    await this.#compare();
  }
}
