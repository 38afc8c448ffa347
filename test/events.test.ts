import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { TypedEmitter } from '../src/events.ts';

type Event = { readonly type: 'opened'; readonly url: string } | { readonly type: 'closed'; readonly code: number };

class Emitter extends TypedEmitter<Event> {
  tell(event: Event): void {
    this.emit(event);
  }
}

const opened = { type: 'opened', url: 'here' } as const;
const closed = { type: 'closed', code: 1 } as const;

describe('a typed emitter', () => {
  test('calls the listeners of the type, then those of all types, until they are taken off', () => {
    const emitter = new Emitter();
    const seen: string[] = [];
    const all = ({ type }: Event) => seen.push(`* ${type}`);
    emitter.on('*', all);
    emitter.on('opened', ({ url }) => seen.push(`on ${url}`));
    emitter.once('opened', ({ url }) => seen.push(`once ${url}`));
    emitter.tell(opened);
    emitter.tell(closed);
    emitter.off('*', all).tell(opened);
    assert.deepEqual(seen, ['on here', 'once here', '* opened', '* closed', 'on here']);
  });

  test('reports a listener that throws or rejects, once, and calls the others all the same', async () => {
    const warnings: NodeJS.ErrnoException[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const emitter = new Emitter();
    let called = 0;
    const throws = () => {
      throw new Error('no good');
    };
    emitter.on('opened', throws);
    emitter.on('opened', async () => throws());
    emitter.on('opened', () => called++);
    emitter.on('*', () => called++);
    for (let time = 0; time < 3; time++) emitter.tell(opened);
    await once(process, 'warning');
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    assert.equal(called, 6);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['FIB_WORKER_LISTENER', 'FIB_WORKER_LISTENER'],
    );
    assert.match(String((warnings[0] as { detail?: string }).detail), /^Error: no good\n/);
  });

  test('survives a listener that throws what can not even be shown', async () => {
    const emitter = new Emitter();
    let called = 0;
    const thrown = {
      get [inspect.custom]() {
        throw new Error('not to be looked at');
      },
    };
    emitter.on('opened', () => {
      throw thrown;
    });
    emitter.on('opened', () => called++);
    const warned = once(process, 'warning');
    emitter.tell(opened);
    assert.equal(called, 1);
    const [warning] = await warned;
    assert.equal(warning.code, 'FIB_WORKER_LISTENER');
  });
});
