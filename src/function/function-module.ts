import type { OptionTable } from '../cli/option.ts';
import { checkContentType, checkInteger } from '../protocol/option-checks.ts';
import type { RequestHandler } from '../worker/handler.ts';
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
 * `contentType`.
 * @throws TypeError that names the export and what it is
 */
export function checkFunctionModule(exports: Readonly<Record<string, unknown>>): FunctionModule {
  const { default: handler, options = {}, maxRequestBytes, contentType } = exports;
  const name = exports.name || 'function'; // of a CommonJS module it is the name of the function itself, and may be empty
  if (handler === undefined) {
    throw new TypeError('the function module has no default export; write: export default (request, context) => reply');
  }
  if (typeof handler !== 'function') {
    throw new TypeError(`${called('default')}: expected a function, got ${typeof handler}`);
  }
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
    const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof name;
    throw new TypeError(
      `${called('name')}: expected 1 to 64 letters, digits, dots, dashes or underscores, got ${shown}`,
    );
  }
  return {
    handler: handler as RequestHandler,
    name,
    options: checkFunctionOptions(options),
    maxRequestBytes:
      maxRequestBytes === undefined ? undefined : checkInteger(called('maxRequestBytes'), maxRequestBytes, 0),
    contentType: contentType === undefined ? undefined : checkContentType(called('contentType'), contentType),
  };
}

function called(name: string): string {
  return `the function module's export '${name}'`;
}
