import { expect } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import type { CustomerBody, ServiceClient, SyncBody } from '../service-client.ts';

export interface NorthwindConflict {
  readonly id: string;
  readonly sourceId: string;
  readonly fields: readonly { readonly field: string; readonly venue: unknown; readonly provider: unknown }[];
}

/** A venue that is kept in step with several providers, by two-way runs with one after the other. */
export class NorthwindVenue<Provider extends string> {
  readonly #api: ServiceClient;
  readonly #connections: ReadonlyMap<Provider, string>;
  readonly id: string;

  /** `connections`: the ids by provider, in the order in which runs take their turns. */
  constructor(api: ServiceClient, id: string, connections: ReadonlyMap<Provider, string>) {
    this.#api = api;
    this.id = id;
    this.#connections = connections;
  }

  connectionId(provider: Provider): string {
    return this.#connections.get(provider) ?? '';
  }

  both(provider: Provider, resource: Resource, mode: 'full' | 'incremental' = 'incremental'): Promise<SyncBody> {
    return this.#api.sync(this.id, { connectionId: this.connectionId(provider), direction: 'both', resource, mode });
  }

  /** Each run passes on what the runs of the others have brought, so all but the last provider have a second turn. */
  async round(resource: Resource, providers: readonly Provider[] = [...this.#connections.keys()]): Promise<void> {
    for (const provider of [...providers, ...providers.slice(0, -1)]) {
      const run = await this.both(provider, resource);
      const rejected = run.counts.rejected === 0 ? [] : await this.#api.log(this.id, run.id, '&action=rejected');
      expect({ provider, outcome: run.outcome, rejected }).toEqual({ provider, outcome: 'completed', rejected: [] });
    }
  }

  /** By their sourceId. */
  async customers(): Promise<ReadonlyMap<string | null, CustomerBody>> {
    return new Map((await this.#api.customers(this.id)).map((customer) => [customer.sourceId, customer] as const));
  }

  externalIdOf(record: Pick<CustomerBody, 'links'> | undefined, provider: Provider): string {
    const connectionId = this.connectionId(provider);
    return record?.links.find((link) => link.connectionId === connectionId)?.externalId ?? '';
  }

  async openConflicts(): Promise<readonly NorthwindConflict[]> {
    const path = `/v1/venues/${this.id}/conflicts?state=open`;
    return (await this.#api.get<{ readonly data: readonly NorthwindConflict[] }>(path)).data;
  }

  async resolve({ id }: Pick<NorthwindConflict, 'id'>, take: 'provider' | 'venue'): Promise<void> {
    const resolved = await this.#api.tryPost(`/v1/venues/${this.id}/conflicts/${id}/resolve`, { take });
    expect(resolved.status).toBe(200);
  }
}

/** Square takes phone numbers of 9 to 16 digits, and a third of the sample's are shorter. */
export const isPhoneOfSquare = (phone: string | null): boolean => /^\d{9,16}$/.test((phone ?? '').replace(/\D/g, ''));
