import type { RpcErrorCode, RpcErrorReason } from '../rpc/errors.ts';
import { printable } from './printable.ts';

/** How a call failed. */
export interface Failure {
  readonly code: RpcErrorCode | 'INTERNAL';
  readonly reason: RpcErrorReason | undefined;
  readonly message: string;
  /** What lies beneath, for `--verbose`. */
  readonly causes: readonly string[];
}

/** What came of one request: its answer, or its failure. */
export type Answer = { readonly request: string; readonly milliseconds: number } & (
  | { readonly result: string; readonly failure?: undefined }
  | { readonly failure: Failure }
);

/** How answers are printed. */
export interface AnswerFormat {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Exit codes of the client: what a script can tell apart. */
export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  timeout: 4,
  noQueue: 5,
  noBroker: 6,
} as const;

/** The exit code for a failure. */
export function exitCodeOf({ reason }: Failure): number {
  switch (reason) {
    case 'ERROR_REPLY':
      return exitCodes.refused;
    case 'TIMEOUT':
      return exitCodes.timeout;
    case 'NO_QUEUE':
      return exitCodes.noQueue;
    case 'NO_BROKER':
    case 'ACCESS_REFUSED':
    case 'CONNECTION_LOST':
      return exitCodes.noBroker;
    default:
      return exitCodes.unexpected;
  }
}

/** What an answer puts on standard output and on standard error. */
export function renderAnswer(answer: Answer, format: AnswerFormat): { stdout: string; stderr: string } {
  const { request, milliseconds, failure } = answer;
  const stdout = (text: string) => ({ stdout: `${text}\n`, stderr: '' });
  if (format.json) {
    const ms = Math.round(milliseconds * 10) / 10;
    if (!failure) return stdout(JSON.stringify({ n: request, result: answer.result, ms }));
    const { code, reason, message, causes } = failure;
    const error = { code, reason, message, ...(format.verbose ? { causes } : {}) };
    return stdout(JSON.stringify({ n: request, error, ms }));
  }
  if (!failure) {
    const result = printable(answer.result); // a worker of somebody else's may send anything
    return stdout(format.quiet ? result : ` [.] Got ${result}`);
  }
  const causes = format.verbose ? failure.causes.map((cause) => `     caused by: ${printable(cause)}\n`).join('') : '';
  const asked = request.length > 40 ? `${request.slice(0, 40)}…` : request;
  return {
    stdout: '',
    stderr: ` [!] fib(${printable(asked)}): ${failure.code}: ${printable(failure.message)}\n${causes}`,
  };
}
