import type { z } from 'zod';

/** Where a stand-in listens, what it keeps and whom it tells. */
export interface StandInPlace {
  /** 0 takes any free port. */
  readonly port: number;
  readonly controlPort: number;
  /** Folder that holds its state. When absent, state lives in memory only. */
  readonly home: string | undefined;
  /** Our service's webhook endpoint for the provider. When absent, only webhooks requested through the control API are sent. */
  readonly webhookUrl: string | undefined;
}

export interface RunningStandIn {
  readonly apiUrl: string;
  readonly controlUrl: string;
  close(): Promise<void>;
}

/** Environment variables of our service, with their values. */
export type Settings = Readonly<Record<string, string>>;

/** The stand-in of one provider. `sandbox/<id>/index.ts` exports it, and `stand-ins.ts` lists it. */
export interface StandIn<
  Running extends RunningStandIn = RunningStandIn,
  Options extends z.ZodRawShape = z.ZodRawShape,
> {
  /** The id of the provider that it stands in for. */
  readonly id: string;
  /** What can be set besides ports: `secretKey` of `stripe` is SANDBOX_STRIPE_SECRET_KEY. */
  readonly options: Options;
  start(place: StandInPlace & z.output<z.ZodObject<Options>>): Promise<Running>;
  /**
   * The provider's settings that make our service use the stand-in. Each group is used as a whole or not at all: a user who has set one of its
   * variables means another server or app. That also leaves out the groups behind it.
   */
  settings(running: Running): readonly Settings[];
}

export const defineStandIn = <Running extends RunningStandIn, const Options extends z.ZodRawShape>(
  standIn: StandIn<Running, Options>,
): StandIn<Running, Options> => standIn;

/** The environment variable of one of a stand-in's options. */
export const optionVariable = (id: string, option: string): string =>
  `SANDBOX_${id}_${option.replace(/[A-Z]/g, (letter) => `_${letter}`)}`.replaceAll('-', '_').toUpperCase();
