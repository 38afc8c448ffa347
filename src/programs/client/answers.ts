import { isUtf8 } from 'node:buffer';
import { redact } from '../../cli/redact.ts';
import type { RpcReply } from '../../client/client.ts';
import { saysText } from '../../protocol/body.ts';
import { isOwnReason, RpcError, type RpcErrorCode, type RpcErrorReason } from '../../protocol/errors.ts';
import { printable, printableLines } from '../../protocol/text.ts';

/** How a call failed. */
export interface Failure {
  readonly code: RpcErrorCode | 'INTERNAL';
  readonly reason: RpcErrorReason | undefined;
  readonly message: string;
  /** By which the worker's log tells of the call, if a worker may have had it. */
  readonly correlationId?: string | undefined;
  /** The causes beneath, for `--verbose`. */
  readonly causes: readonly string[];
}

/** The outcome of a call: its reply, of which the body is not compressed any more, or its failure. */
export type Outcome = { readonly milliseconds: number } & (
  | { readonly reply: Pick<RpcReply, 'body' | 'contentType'>; readonly failure?: undefined }
  | { readonly failure: Failure }
);

/** How answers are printed. */
export interface AnswerFormat {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
}

/** The texts for standard output and standard error. */
export interface Printed {
  readonly stdout: string | Buffer;
  readonly stderr: string;
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
export function exitCodeOf({ code, reason }: Failure): number {
  switch (reason) {
    case 'ERROR_REPLY':
      // at the time limit the worker's word for it and the client's own may come in either order
      return code === 'DEADLINE_EXCEEDED' ? exitCodes.timeout : exitCodes.refused;
    case 'TIMEOUT':
      return exitCodes.timeout;
    case 'NO_QUEUE':
      return exitCodes.noQueue;
    case 'NO_BROKER':
    case 'ACCESS_REFUSED':
    case 'CONNECTION_LOST':
      return exitCodes.noBroker;
    default:
      return isOwnReason(reason) ? exitCodes.refused : exitCodes.unexpected;
  }
}

/** A failure out of what a call rejected with. */
export function failureOf(error: unknown): Failure {
  const causes: string[] = [];
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error; cause = cause.cause) {
    causes.push(redact('code' in cause ? `${cause.message} (${String(cause.code)})` : cause.message));
  }
  const message = redact(error instanceof Error ? error.message : String(error));
  if (!(error instanceof RpcError)) return { code: 'INTERNAL', reason: undefined, message, causes };
  const { code, reason, correlationId } = error;
  const told = reason === 'NO_BROKER' ? `${message} (--url or AMQP_URL)` : message;
  return { code, reason, message: told, correlationId, causes };
}

/** Prints what came of asking for fib(n): decimal digits, or it is no answer to that question. */
export function printNumber(n: string, outcome: Outcome, format: AnswerFormat): Printed & { failure?: Failure } {
  const answer = outcome.failure ? undefined : outcome.reply.body.toString().trim();
  const failure = outcome.failure ?? (/^[0-9]+$/.test(answer ?? '') ? undefined : noNumber(answer ?? ''));
  if (format.json) {
    return {
      ...jsonLine({ n, ...(failure ? jsonError(failure, format) : { result: answer }) }, outcome),
      ...(failure && { failure }),
    };
  }
  if (failure) {
    const asked = n.length > 40 ? `${n.slice(0, 40)}…` : n;
    return { stdout: '', stderr: failureLines(`fib(${printable(asked)}): `, failure, format), failure };
  }
  return { stdout: format.quiet ? `${answer}\n` : ` [.] Got ${answer}\n`, stderr: '' };
}

/**
 * Prints what came of a call with `--body`: the reply's octets, and a line end after text that has none. On a terminal
 * control characters are escaped, and what is no text is only told of.
 */
export function printBody(outcome: Outcome, format: AnswerFormat): Printed {
  if (outcome.failure) {
    if (format.json) return jsonLine(jsonError(outcome.failure, format), outcome);
    return { stdout: '', stderr: failureLines('', outcome.failure, format) };
  }
  const { body, contentType } = outcome.reply;
  const isText = saysText(contentType) && isUtf8(body);
  if (format.json) {
    const content = isText ? { body: body.toString() } : { bodyBase64: body.toString('base64') };
    return jsonLine({ contentType, ...content }, outcome);
  }
  if (!format.terminal) {
    const ends = !isText || body.at(-1) === 0x0a;
    return { stdout: ends ? body : Buffer.concat([body, Buffer.from('\n')]), stderr: '' };
  }
  if (!isText) {
    const what = `${body.length} bytes of ${printable(contentType ?? 'no content type')}`;
    return { stdout: '', stderr: ` [!] ${what} are not for a terminal: send standard output to a file\n` };
  }
  return { stdout: `${printableLines(body.toString().replace(/\n$/, ''))}\n`, stderr: '' };
}

/** A worker of somebody else's may answer anything, such as 1.2200160415122E+19. */
function noNumber(answer: string): Failure {
  const shown = printable(answer.length > 40 ? `${answer.slice(0, 40)}…` : answer);
  const message = `the reply is no whole number in decimal digits: '${shown}'; --body takes any reply as it is`;
  return { code: 'DATA_LOSS', reason: 'UNREADABLE', message, causes: [] };
}

function jsonError({ code, reason, message, correlationId, causes }: Failure, { verbose }: AnswerFormat) {
  return { error: { code, reason, message, correlationId, ...(verbose ? { causes } : {}) } };
}

/** JSON.stringify leaves DEL, the C1 controls and marks of direction alone. */
function jsonLine(what: Readonly<Record<string, unknown>>, { milliseconds }: Outcome): Printed {
  const ms = Math.round(milliseconds * 10) / 10;
  return { stdout: `${printable(JSON.stringify({ ...what, ms }))}\n`, stderr: '' };
}

function failureLines(what: string, failure: Failure, { verbose }: AnswerFormat): string {
  const { code, message, correlationId, causes } = failure;
  const beneath = verbose ? causes.map((cause) => `     caused by: ${printable(cause)}\n`).join('') : '';
  // what the worker's log says more about
  const id = correlationId !== undefined && (code === 'INTERNAL' || verbose) ? ` (${printable(correlationId)})` : '';
  return ` [!] ${what}${code}: ${printable(message)}${id}\n${beneath}`;
}
