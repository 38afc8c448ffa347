import { printable } from '../../cli/printable.ts';
import type { RpcErrorCode, RpcErrorReason } from '../../protocol/errors.ts';

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

/** A failure as `--json` tells it. */
export function jsonError({ code, reason, message, causes }: Failure, { verbose }: AnswerFormat) {
  return { code, reason, message, ...(verbose ? { causes } : {}) };
}

/** A failure as it is told to people; `n` is what was asked for, where it was a number. */
export function renderFailure(n: string | undefined, { code, message, causes }: Failure, format: AnswerFormat): string {
  const asked = n !== undefined && n.length > 40 ? `${n.slice(0, 40)}…` : n;
  const what = asked === undefined ? '' : `fib(${printable(asked)}): `;
  const beneath = format.verbose ? causes.map((cause) => `     caused by: ${printable(cause)}\n`).join('') : '';
  return ` [!] ${what}${code}: ${printable(message)}\n${beneath}`;
}

/** What an answer puts on standard output and on standard error. */
export function renderAnswer(answer: Answer, format: AnswerFormat): { stdout: string; stderr: string } {
  const { request, milliseconds, failure } = answer;
  const stdout = (text: string) => ({ stdout: `${text}\n`, stderr: '' });
  if (format.json) {
    const ms = Math.round(milliseconds * 10) / 10;
    const outcome = failure ? { error: jsonError(failure, format) } : { result: answer.result };
    return stdout(JSON.stringify({ n: request, ...outcome, ms }));
  }
  if (failure) return { stdout: '', stderr: renderFailure(request, failure, format) };
  const result = printable(answer.result); // a worker of somebody else's may send anything
  return stdout(format.quiet ? result : ` [.] Got ${result}`);
}
