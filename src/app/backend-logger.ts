import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** What of Nest's says how it starts: routes, modules, steps. */
const START_UP = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Logs for people on a terminal, for machines one line of JSON an entry; how Nest starts is for debugging. */
export class BackendLogger extends ConsoleLogger {
  constructor(logLevels: LogLevel[], isTerminal: boolean) {
    super({ json: !isTerminal, logLevels });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    const isStartUp = START_UP.has(String(rest.at(-1)));
    super[isStartUp ? 'debug' : 'log'](message, ...rest);
  }
}
