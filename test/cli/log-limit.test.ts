import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLog } from '../../src/cli/log.ts';
import { limitLog } from '../../src/cli/log-limit.ts';

function limited(
  t: { mock: { timers: { enable(options: { apis: ['setTimeout'] }): void } } },
  format: 'text' | 'json',
) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const log = limitLog(createLog({ format, write: (line) => lines.push(line) > 0 }), { refused: 2 });
  return { log, lines };
}

describe('a limited log', () => {
  it('writes N lines of an event a second, and then how many more there were', (t) => {
    const { log, lines } = limited(t, 'text');
    for (let n = 0; n < 1_000; n++) log.warn('refused', { code: 'INVALID_ARGUMENT' }, `refused ${n}`);
    assert.deepEqual(lines.splice(0), ['refused 0\n', 'refused 1\n']);
    t.mock.timers.tick(1_000);
    assert.deepEqual(lines.splice(0), [' [-] … and 998 more in the last second (refused INVALID_ARGUMENT)\n']);
    log.warn('refused', { code: 'INVALID_ARGUMENT' }, 'refused again');
    t.mock.timers.tick(1_000);
    assert.deepEqual(lines, ['refused again\n'], 'nothing was left out, so nothing is said');
  });

  it('counts each reason by itself, so that a flood of one does not hide another', (t) => {
    const { log, lines } = limited(t, 'text');
    for (let n = 0; n < 5; n++) log.warn('refused', { reason: 'flood' }, 'flood');
    log.warn('refused', { reason: 'rare' }, 'rare');
    assert.deepEqual(lines, ['flood\n', 'flood\n', 'rare\n']);
  });

  it('lets other events pass', (t) => {
    const { log, lines } = limited(t, 'text');
    for (let n = 0; n < 5; n++) log.info('consuming', {}, 'consuming');
    assert.equal(lines.length, 5);
  });

  it('tells the rest at once when it is asked to, as at the end of a program', (t) => {
    const { log, lines } = limited(t, 'json');
    for (let n = 0; n < 5; n++) log.warn('refused', { reason: 'x' }, 'no');
    log.flush();
    log.flush();
    const { time, ...last } = JSON.parse(lines.at(-1) ?? '');
    const message = 'Lines were left out';
    assert.deepEqual(last, { level: 'warn', event: 'suppressed', of: 'refused', kind: 'x', count: 3, message });
    assert.equal(lines.length, 3);
    assert.ok(time);
  });
});
