import { readFile } from 'node:fs/promises';
import type { TemporalConfig } from './config.ts';

/** Connection options for the SDK's client and worker. Rejects when a TLS file cannot be read. */
export async function temporalConnectionOptions({ address, apiKey, tls }: TemporalConfig) {
  const read = async (file: string | undefined) => (file === undefined ? undefined : readFile(file));
  const [ca, crt, key] = tls ? await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)]) : [];
  return {
    address,
    ...(apiKey && { apiKey: apiKey.expose() }),
    ...(tls && {
      tls: { ...(ca && { serverRootCACertificate: ca }), ...(crt && key && { clientCertPair: { crt, key } }) },
    }),
  };
}
