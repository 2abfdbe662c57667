import { variableName } from './provider-settings.ts';
import type { ConfigurableProvider, StandInPorts } from './provider-settings.ts';
import { PORT_FORM, port } from './variable.ts';
import type { Variable } from './variable.ts';

/** Port 0 takes any free port. */
const ANY: StandInPorts = { api: 0, control: 0 };

/** Names of the two port variables of a provider's stand-in. */
export const standInPortNames = (provider: string) => ({
  api: `SANDBOX_${variableName(provider, 'port')}`,
  control: `SANDBOX_${variableName(provider, 'controlPort')}`,
});

/** The variables that set the ports of the stand-ins in a local copy. */
export function sandboxVariables(providers: readonly ConfigurableProvider[]): Readonly<Record<string, Variable>> {
  return Object.fromEntries(
    providers.flatMap(({ id, displayName, standInPorts = ANY }) => {
      const names = standInPortNames(id);
      return [
        [names.api, sandboxPort(`TCP port of the ${displayName} sandbox that \`npm start\` runs.`, standInPorts.api)],
        [names.control, sandboxPort(`TCP port of the ${displayName} sandbox’s control API.`, standInPorts.control)],
      ];
    }),
  );
}

function sandboxPort(description: string, standard: number): Variable {
  return {
    schema: port,
    form: PORT_FORM,
    description,
    obtain:
      standard === 0
        ? 'Set it to have the same at each start. 0 takes any free port.'
        : 'Unset, a standard port that is taken gives way to a free one. 0 takes any free port.',
    default: String(standard),
    readBy: ['runtime'],
    secret: false,
  };
}
