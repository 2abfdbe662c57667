import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { defineProvider } from '../../../providers/kit/define-provider.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { stripe } from '../../../providers/stripe/index.ts';
import { Secret } from '../../../vault/secret.ts';
import { later } from '../../support/later.ts';
import { createMailchimpWorld } from './mailchimp-world.ts';

const world = createMailchimpWorld();

/** An address that answers GET with this status. */
async function anAddress(status = 200): Promise<string> {
  const server = createServer((_, res) => res.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  later(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/mailchimp/secret-end`;
}

function registrar(secretKey = world.account().apiKey) {
  const options = { secretKey: new Secret(secretKey), call: (request: () => unknown) => request() };
  const { webhooks } = world.adapter().open(options as Parameters<ReturnType<typeof world.adapter>['open']>[0]);
  if (!webhooks) throw new Error('addresses are registered');
  return webhooks;
}
const refusalOf = async (work: Promise<unknown>) => {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof ProviderError)) throw new Error('it was not refused');
  expect(JSON.stringify(error)).not.toContain('secret-end');
  return error.details;
};
const registered = () => world.account().objects<{ readonly url: string }>('webhooks');

describe('the webhook of an audience', () => {
  it('is refused with a code of its own when its address does not answer, without the address', async () => {
    expect(await refusalOf(registrar().register(new Secret(await anAddress(404))))).toMatchObject({
      ...{ kind: 'rejected', httpStatus: 400, code: 'webhook-url-not-reachable', field: 'url' },
    });
    expect(await registered()).toEqual([]);
  });

  it('is refused to a user who may only look, without a doubt about the access', async () => {
    const url = new Secret(await anAddress());
    expect(await refusalOf(registrar(world.account().viewerKey).register(url))).toMatchObject({
      ...{ kind: 'rejected', httpStatus: 403, code: 'not-permitted' },
    });
  });

  it('is found when it is registered already, and other apps’ stay', async () => {
    const [ours, theirs] = [await anAddress(), await anAddress()];
    await world
      .account()
      .ask('POST', '/webhooks', { url: theirs, events: { subscribe: true }, sources: { api: true } });
    const id = await registrar().register(new Secret(ours));
    expect(await registrar().register(new Secret(ours))).toBe(id);
    expect((await registered()).map(({ url }) => url)).toEqual([theirs, ours]);
    await registrar().remove(id);
    expect((await registered()).map(({ url }) => url)).toEqual([theirs]);
  });

  it('counts as removed when it is gone, or its audience is', async () => {
    const id = await registrar().register(new Secret(await anAddress()));
    await registrar().remove(id);
    await registrar().remove(id);
    await registrar().remove('gone/0123456789');
  });
});

describe('a definition', () => {
  it('registers no address whose provider signs', () => {
    expect(() => defineProvider({ ...stripe, webhooks: { ...stripe.webhooks, registers: true } as never })).toThrow(
      'only an address without signatures can be registered',
    );
  });
});
