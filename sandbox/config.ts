import { z } from 'zod';
import { optionVariable } from './core/stand-in.ts';
import type { StandIn, StandInPlace } from './core/stand-in.ts';

const port = z.coerce.number().int().min(0).max(65_535).default(0);

const shared = z.object({
  SANDBOX_HOME: z.string().optional(),
  SANDBOX_WEBHOOKS_URL: z.url({ protocol: /^https?$/ }).optional(),
});

/** A stand-in with what it is started with. */
export interface ConfiguredStandIn {
  readonly standIn: StandIn;
  readonly place: StandInPlace & Readonly<Record<string, unknown>>;
}

/**
 * Reads the configuration of the sandbox process. The thrown error names every invalid variable and never its value.
 * An empty variable counts as absent.
 */
export function readConfig(env: NodeJS.ProcessEnv, standIns: readonly StandIn[]): readonly ConfiguredStandIn[] {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const problems: string[] = [];
  const read = <Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined => {
    const { data, error } = schema.safeParse(given);
    problems.push(...(error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`));
    return data;
  };
  const common = read(shared);
  const configured = standIns.map((standIn) => {
    const { id, options } = standIn;
    const schemas = { port, controlPort: port, ...options };
    const names = Object.keys(schemas).map((name) => [name, optionVariable(id, name)] as const);
    const values = read(
      z.object(Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [optionVariable(id, name), schema]))),
    );
    const own = Object.fromEntries(names.map(([name, variable]) => [name, values?.[variable]]));
    return {
      standIn,
      place: {
        ...(own as Pick<StandInPlace, 'port' | 'controlPort'>),
        home: common?.SANDBOX_HOME,
        webhookUrl: common?.SANDBOX_WEBHOOKS_URL && `${common.SANDBOX_WEBHOOKS_URL}/${id}`,
      },
    };
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return configured;
}
