import { isUtf8 } from 'node:buffer';
import { printable } from '../../cli/printable.ts';
import type { RpcReply } from '../../client/client.ts';
import { saysText } from '../../protocol/body.ts';
import { type AnswerFormat, type Failure, jsonError, renderFailure } from './answers.ts';

/** What came of a call with `--body`. */
export type BodyAnswer = { readonly milliseconds: number } & (
  | { readonly reply: RpcReply; readonly failure?: undefined }
  | { readonly failure: Failure }
);

/**
 * What the reply to `--body` puts on standard output and on standard error: its octets, and a line end after text that has
 * none. On a terminal control characters are escaped, and what is no text is only told of.
 */
export function renderBodyAnswer(
  answer: BodyAnswer,
  format: AnswerFormat & { readonly terminal: boolean },
): { stdout: string | Buffer; stderr: string } {
  const { failure } = answer;
  const ms = Math.round(answer.milliseconds * 10) / 10;
  if (format.json) return { stdout: `${JSON.stringify({ ...jsonReply(answer, format), ms })}\n`, stderr: '' };
  if (failure) return { stdout: '', stderr: renderFailure(undefined, failure, format) };
  const { body, contentType } = answer.reply;
  if (!isText(answer.reply)) {
    if (!format.terminal) return { stdout: body, stderr: '' };
    const what = `${body.length} bytes of ${printable(contentType ?? 'no content type')}`;
    return { stdout: '', stderr: ` [!] ${what} are not for a terminal: send standard output to a file\n` };
  }
  if (format.terminal) {
    const lines = body.toString().replace(/\n$/, '').split('\n');
    return { stdout: `${lines.map(printable).join('\n')}\n`, stderr: '' };
  }
  return { stdout: body.at(-1) === 0x0a ? body : Buffer.concat([body, Buffer.from('\n')]), stderr: '' };
}

function jsonReply(answer: BodyAnswer, format: AnswerFormat): Record<string, unknown> {
  if (answer.failure) return { error: jsonError(answer.failure, format) };
  const { body, contentType } = answer.reply;
  const content = isText(answer.reply) ? { body: body.toString() } : { bodyBase64: body.toString('base64') };
  return { contentType, ...content };
}

/** Whether a reply says that it is text, and its octets can be shown as such without loss. */
function isText({ body, contentType }: RpcReply): boolean {
  return saysText(contentType) && isUtf8(body);
}
