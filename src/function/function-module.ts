import type { OptionTable } from '../cli/option.ts';
import { checkFunctionName } from '../protocol/contract.ts';
import { checkContentType, checkFunction, checkInteger, checkQueueName } from '../protocol/option-checks.ts';
import type { RequestHandler } from '../worker/handler.ts';
import { checkFunctionOptions } from './function-options.ts';

/** A function that a worker program serves, checked and complete. */
export interface FunctionModule {
  readonly handler: RequestHandler;
  /** For logs and `--help`. */
  readonly name: string;
  /** The queue of its requests. Default: the command line's; where there are several functions, the name. */
  readonly queue: string | undefined;
  /** Its requests in hand at most. Default: the command line's. */
  readonly prefetch: number | undefined;
  /** Its options for the command line. Default none. */
  readonly options: OptionTable;
  /** A longer request is refused before the function sees it, in bytes. Default: the worker's. */
  readonly maxRequestBytes: number | undefined;
  /** The content type of replies. Default: the worker's, `text/plain`. */
  readonly contentType: string | undefined;
}

type Parts = Readonly<Record<string, unknown>>;

/**
 * Checks what a module of functions exports, and gives the functions. These are, as `default`, a handler, with the exports `name`,
 * `queue`, `prefetch`, `options`, `maxRequestBytes` and `contentType` if it likes; or an object that has these and `handler`, as
 * `defineFunction` makes it; or a list of such objects. Without `default` they are all such objects that it exports.
 * @param defaultName of a function that has none
 * @throws TypeError that names the export and what it is
 */
export function checkFunctionModule(exports: Parts, defaultName = 'function'): readonly FunctionModule[] {
  const { default: main } = exports;
  if (Array.isArray(main)) {
    if (main.length === 0) throw new TypeError("the function module's export 'default': expected functions, got none");
    return main.map((one: unknown, index) => checkParts(`default[${index}].`, Object(one), defaultName));
  }
  if (isFunctionObject(main)) return [checkParts('default.', main, defaultName)];
  const named = Object.entries(exports).filter(([, value]) => isFunctionObject(value));
  if (main === undefined && named.length > 0)
    return named.map(([name, value]) => checkParts(`${name}.`, Object(value), name));
  if (main === undefined) {
    throw new TypeError('the function module has no default export; write: export default (request, context) => reply');
  }
  checkFunction(called('default'), main);
  // of a CommonJS module `name` is the name of the function itself, and may be empty
  return [checkParts('', { ...exports, handler: main, name: exports.name || undefined }, defaultName)];
}

/**
 * Checks that functions go together in one worker. Of several each is on a queue of its own, which is called as the function is
 * unless it names one.
 * @throws TypeError that names the two that don't
 */
export function checkTogether(functions: readonly FunctionModule[]): readonly FunctionModule[] {
  if (functions.length === 1) return functions;
  const placed = functions.map((one) => ({ ...one, queue: one.queue ?? one.name }));
  for (const [index, { name, queue }] of placed.entries()) {
    for (const other of placed.slice(0, index)) {
      if (other.name === name)
        throw new TypeError(`two functions have the name '${name}': export another 'name' from one`);
      if (other.queue === queue)
        throw new TypeError(`the functions '${other.name}' and '${name}' are on the same queue, '${queue}'`);
    }
  }
  return placed;
}

function isFunctionObject(value: unknown): value is Parts {
  return typeof value === 'object' && value !== null && 'handler' in value;
}

function checkParts(place: string, parts: Parts, defaultName: string): FunctionModule {
  const { handler, name = defaultName, queue, prefetch, options = {}, maxRequestBytes, contentType } = parts;
  const part = (key: string) => called(place + key);
  return {
    handler: checkFunction(part('handler'), handler) as RequestHandler,
    name: checkFunctionName(part('name'), name),
    queue: queue === undefined ? undefined : checkQueueName(queue, part('queue')),
    prefetch: prefetch === undefined ? undefined : checkInteger(part('prefetch'), prefetch, 1, 65_535),
    options: checkFunctionOptions(part, options),
    maxRequestBytes:
      maxRequestBytes === undefined ? undefined : checkInteger(part('maxRequestBytes'), maxRequestBytes, 0),
    contentType: contentType === undefined ? undefined : checkContentType(part('contentType'), contentType),
  };
}

function called(name: string): string {
  return `the function module's export '${name}'`;
}
