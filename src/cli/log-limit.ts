import type { Log, LogFields } from './log.ts';

/** How long lines are counted for, in ms. */
const WINDOW = 1_000;

/** A log of which some events are limited. */
export interface LimitedLog extends Log {
  /** Tells at once what was left out since, as before the end of the program. */
  flush(): void;
}

/** The lines of one kind within the second that began with the first of them. */
interface Window {
  lines: number;
  leftOut: number;
  readonly end: () => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Limits what others can make a program log: of an event that has a limit, at most N lines a second are written
 * for each of its `reason`s or `code`s (which must be of a known few), and then one, `suppressed`, that says how many more there were.
 * @param limits lines a second, by event; other events pass
 */
export function limitLog(log: Log, limits: Readonly<Record<string, number>>): LimitedLog {
  const windows = new Map<string, Window>();
  const passes = (level: 'info' | 'warn', event: string, { reason, code }: LogFields = {}): boolean => {
    const limit = limits[event];
    if (limit === undefined) return true;
    const kind = String(reason ?? code ?? '');
    const key = `${event} ${kind}`;
    const window = windows.get(key) ?? open(key, level, { of: event, ...(kind && { kind }) });
    if (window.lines++ < limit) return true;
    window.leftOut++;
    return false;
  };
  const open = (key: string, level: 'info' | 'warn', fields: { of: string; kind?: string }): Window => {
    const end = (): void => {
      windows.delete(key);
      clearTimeout(window.timer);
      const { leftOut } = window;
      if (leftOut > 0)
        log[level](
          'suppressed',
          { ...fields, count: leftOut },
          ` [-] … and ${leftOut} more in the last second (${key.trim()})`,
          'Lines were left out',
        );
    };
    const window: Window = { lines: 0, leftOut: 0, end, timer: setTimeout(end, WINDOW).unref() };
    windows.set(key, window);
    return window;
  };
  return {
    info(event, fields, text, message) {
      if (passes('info', event, fields)) log.info(event, fields, text, message);
    },
    warn(event, fields, text, message) {
      if (passes('warn', event, fields)) log.warn(event, fields, text, message);
    },
    error(event, fields, text, message) {
      if (passes('warn', event, fields)) log.error(event, fields, text, message);
    },
    flush: () => {
      for (const window of [...windows.values()]) window.end();
    },
  };
}
