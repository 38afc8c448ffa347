import type { OptionTable } from '../cli/option-table.ts';
import type { RequestHandler } from '../rpc/handler.ts';
import { checkFunctionOptions } from './function-options.ts';

/** A function's module, checked and complete. */
export interface FunctionModule {
  readonly handler: RequestHandler;
  /** For logs and `--help`. Default `function`. */
  readonly name: string;
  /** Its options for the command line. Default none. */
  readonly options: OptionTable;
  /** A longer request is refused before the function sees it, in bytes. Default: the worker's. */
  readonly maxRequestBytes: number | undefined;
  /** The content type of replies. Default: the worker's, `text/plain`. */
  readonly contentType: string | undefined;
}

/**
 * Checks what a function's module exports: `default`, and if it likes `name`, `options`, `maxRequestBytes` and
 * `contentType`. The last two are checked for their type here, and by the worker for their value.
 * @throws TypeError that names the export and what it is
 */
export function checkFunctionModule(exports: Readonly<Record<string, unknown>>): FunctionModule {
  const { default: handler, name = 'function', options = {}, maxRequestBytes, contentType } = exports;
  if (handler === undefined) {
    throw new TypeError('the function module has no default export; write: export default (request, context) => reply');
  }
  if (typeof handler !== 'function') throw wrong('default', 'a function', handler);
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
    throw wrong('name', '1 to 64 letters, digits, dots, dashes or underscores', name);
  }
  if (maxRequestBytes !== undefined && typeof maxRequestBytes !== 'number') {
    throw wrong('maxRequestBytes', 'a number', maxRequestBytes);
  }
  if (contentType !== undefined && typeof contentType !== 'string') throw wrong('contentType', 'a string', contentType);
  return {
    handler: handler as RequestHandler,
    name,
    options: checkFunctionOptions(options),
    maxRequestBytes,
    contentType,
  };
}

function wrong(name: string, expected: string, value: unknown): TypeError {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value;
  return new TypeError(`the function module's export '${name}': expected ${expected}, got ${shown}`);
}
