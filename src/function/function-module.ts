import type { OptionTable } from '../cli/option.ts';
import { checkFunctionName } from '../protocol/contract.ts';
import { checkContentType, checkFunction, checkInteger, checkQueueName } from '../protocol/option-checks.ts';
import type { RequestHandler } from '../worker/handler.ts';
import { checkFunctionOptions } from './function-options.ts';

/** A function that a worker program serves, checked and complete. */
export interface FunctionModule {
  readonly handler: RequestHandler;
  /** For logs and `--help`. Default `function`. */
  readonly name: string;
  /** The queue of its requests. Default: the command line's. */
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
 * @throws TypeError that names the export and what it is
 */
export function checkFunctionModule(exports: Parts): readonly FunctionModule[] {
  const { default: main } = exports;
  if (Array.isArray(main)) {
    if (main.length === 0) throw new TypeError("the function module's export 'default': expected functions, got none");
    return main.map((one: unknown, index) => checkParts(`default[${index}].`, Object(one)));
  }
  if (isFunctionObject(main)) return [checkParts('default.', main)];
  const named = Object.entries(exports).filter(([, value]) => isFunctionObject(value));
  if (main === undefined && named.length > 0)
    return named.map(([name, value]) => checkParts(`${name}.`, Object(value)));
  if (main === undefined) {
    throw new TypeError('the function module has no default export; write: export default (request, context) => reply');
  }
  checkFunction(called('default'), main);
  // of a CommonJS module `name` is the name of the function itself, and may be empty
  return [checkParts('', { ...exports, handler: main, name: exports.name || undefined })];
}

/**
 * Checks that functions go together in one worker.
 * @throws TypeError that names the two that don't
 */
export function checkTogether(functions: readonly FunctionModule[]): readonly FunctionModule[] {
  for (const [index, { name, queue }] of functions.entries()) {
    if (functions.length > 1 && queue === undefined)
      throw new TypeError(
        `the function '${name}': with several functions each needs a queue of its own: export 'queue'`,
      );
    for (const other of functions.slice(0, index)) {
      if (other.queue === queue)
        throw new TypeError(`the functions '${other.name}' and '${name}' are on the same queue, '${queue}'`);
      if (other.name === name) throw new TypeError(`two functions have the name '${name}'; give one another`);
    }
  }
  return functions;
}

function isFunctionObject(value: unknown): value is Parts {
  return typeof value === 'object' && value !== null && 'handler' in value;
}

function checkParts(place: string, parts: Parts): FunctionModule {
  const { handler, name = 'function', queue, prefetch, options = {}, maxRequestBytes, contentType } = parts;
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
