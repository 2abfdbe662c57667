import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type KmsOperation = 'GenerateDataKey' | 'Decrypt' | 'Encrypt';
export type KmsFault =
  { readonly kind: 'error'; readonly status: number; readonly code: string } | { readonly kind: 'silence' };

interface KmsRequest {
  readonly KeyId?: string;
  readonly EncryptionContext?: Readonly<Record<string, string>>;
  readonly NumberOfBytes?: number;
  readonly Plaintext?: string;
  readonly CiphertextBlob?: string;
}

interface Key {
  readonly arn: string;
  readonly bytes: Buffer;
}

class KmsRefusal extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * A stand-in for AWS KMS on 127.0.0.1: symmetric keys that never leave it, JSON 1.1 over HTTP
 * (https://docs.aws.amazon.com/kms/latest/APIReference, 2026-11-21). It really encrypts, checks the encryption context,
 * and counts calls.
 */
export async function startKmsServer({ latencyMs = 0 }: { readonly latencyMs?: number } = {}) {
  const keys = new Map<string, Key>();
  const { keyArn, keyUuid } = addKey('alias/interlock', 'arn:aws:kms:eu-central-1:111122223333:alias/interlock');
  const calls: { readonly operation: KmsOperation; readonly context: Readonly<Record<string, string>> }[] = [];
  let fault: KmsFault | null = null;

  function addKey(...aliases: readonly string[]) {
    const uuid = randomUUID();
    const key = { arn: `arn:aws:kms:eu-central-1:111122223333:key/${uuid}`, bytes: randomBytes(32) };
    for (const name of [uuid, key.arn, ...aliases]) keys.set(name, key);
    return { keyArn: key.arn, keyUuid: uuid };
  }

  function wrap(key: Key, plaintext: Buffer, context: KmsRequest['EncryptionContext']): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key.bytes, iv).setAAD(aad(context));
    return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  function unwrap(key: Key, blob: string, context: KmsRequest['EncryptionContext']): Buffer {
    const bytes = Buffer.from(blob, 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(aad(context))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw new KmsRefusal('InvalidCiphertextException');
    }
  }

  function answer(
    operation: KmsOperation,
    { KeyId = keyArn, EncryptionContext, NumberOfBytes = 32, Plaintext = '', CiphertextBlob = '' }: KmsRequest,
  ) {
    const key = keys.get(KeyId);
    if (!key) throw new KmsRefusal('NotFoundException');
    if (operation === 'Decrypt')
      return { KeyId: key.arn, Plaintext: unwrap(key, CiphertextBlob, EncryptionContext).toString('base64') };
    if (operation === 'Encrypt')
      return { KeyId: key.arn, CiphertextBlob: wrap(key, Buffer.from(Plaintext, 'base64'), EncryptionContext) };
    const dataKey = randomBytes(NumberOfBytes);
    return {
      KeyId: key.arn,
      Plaintext: dataKey.toString('base64'),
      CiphertextBlob: wrap(key, dataKey, EncryptionContext),
    };
  }

  async function respond(request: IncomingMessage): Promise<{ readonly status: number; readonly body: object } | null> {
    const operation = String(request.headers['x-amz-target']).replace('TrentService.', '') as KmsOperation;
    const input = JSON.parse(await text(request)) as KmsRequest;
    calls.push({ operation, context: input.EncryptionContext ?? {} });
    if (latencyMs > 0) await sleep(latencyMs);
    if (fault?.kind === 'silence') return null;
    if (fault) return { status: fault.status, body: { __type: fault.code, message: 'as the test asked' } };
    try {
      return { status: 200, body: answer(operation, input) };
    } catch (error) {
      if (!(error instanceof KmsRefusal)) throw error;
      return { status: 400, body: { __type: error.code, message: error.code } };
    }
  }

  const server = createServer((request, response) => {
    void respond(request).then((result) => {
      if (result)
        response
          .writeHead(result.status, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify(result.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyArn,
    keyUuid,
    /** Another key besides the first. */
    addKey,
    calls,
    count: (operation: KmsOperation) => calls.filter((call) => call.operation === operation).length,
    /** The fault of every further call; null ends it. */
    fail(next: KmsFault | null) {
      fault = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
}

function aad(context: KmsRequest['EncryptionContext'] = {}): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort()));
}
