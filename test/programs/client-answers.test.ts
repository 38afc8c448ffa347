import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printBody } from '../../src/programs/client/answers.ts';

const onTerminal = { json: false, quiet: false, verbose: false, terminal: true };
const answer = (contentType: string | undefined, body: string | Buffer) => ({
  milliseconds: 1,
  reply: { contentType, body: Buffer.from(body) },
});

describe('a reply to --body on a terminal', () => {
  it('is text line by line, with control characters escaped', () => {
    for (const contentType of ['text/plain', 'application/json', 'text/html; charset=utf-8', undefined, '']) {
      assert.deepEqual(printBody(answer(contentType, 'one\n\u001b[31mtwo\u202e\r\n'), onTerminal), {
        stdout: 'one\n\\u001b[31mtwo\\u202e\\r\n',
        stderr: '',
      });
    }
  });

  it('is only told of where it is no text, or says so and is not', () => {
    const bytes = Buffer.from([0xff, 0x1b]);
    for (const contentType of ['image/png', 'text/plain', 'application/jsonp', 'image/\u001b']) {
      const { stdout, stderr } = printBody(answer(contentType, bytes), onTerminal);
      assert.equal(stdout, '');
      assert.match(stderr, /^ \[!\] 2 bytes of \S+ are not for a terminal: [^\n]+\n$/);
      assert.doesNotMatch(stderr, /[^\P{Cc}\n]/u);
    }
  });
});
