// The keeper of a run of the tests: `run-keeper.ts FOLDER PID START`. It answers on a socket in the folder until the process
// of that id and start is gone; see run.ts.
import { rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import type { PrivateBroker } from '../src/rabbitmq/broker.ts';
import { startPrivateBroker } from '../src/rabbitmq/private.ts';
import { run } from '../src/rabbitmq/run.ts';
import { testVersion } from './own-broker.ts';
import { processStart } from './process-start.ts';

/** The keeper's answers, one a line: messages for an onlooker; in the end what was asked for, or why it failed. */
export type Message = { readonly said: string } | { readonly value: string } | { readonly failure: string };

const [folder = '', pid = '', start = ''] = process.argv.slice(2);
const stopped = new AbortController();
let broker: PrivateBroker | undefined;

type Say = (line: string) => void;

/** The things to ask for that are made once. */
const makers: Record<string, (say: Say) => Promise<string>> = {
  async broker(say) {
    broker = await startPrivateBroker({ version: testVersion(), say, signal: stopped.signal });
    say(`testing on ${broker.description}`);
    return broker.url;
  },
  async programs() {
    const checkout = path.join(import.meta.dirname, '..');
    await run(process.execPath, [path.join(checkout, 'build.mjs')], { env: process.env, signal: stopped.signal });
    return path.join(checkout, 'dist');
  },
};

const made = new Map<string, Promise<string>>();

/** Only the first to ask is told what is said meanwhile. */
function make(what: string, say: Say): Promise<string> {
  const making = made.get(what) ?? makers[what]?.(say) ?? Promise.reject(new Error(`${what}: there is no such thing`));
  made.set(what, making);
  return making;
}

async function rabbitmqctl(args: readonly string[]): Promise<string> {
  if (!broker) throw new Error('rabbitmqctl: this run has started no broker');
  return broker.ctl(...args);
}

async function answer(question: string, tell: (message: Message) => void): Promise<void> {
  const [what = '', ...args] = JSON.parse(question) as string[];
  const answered = what === 'rabbitmqctl' ? rabbitmqctl(args) : make(what, (said) => tell({ said }));
  tell(
    await answered.then(
      (value) => ({ value }),
      (error: Error) => ({ failure: error.message }),
    ),
  );
}

const server = net.createServer((socket) => {
  socket.on('error', () => {}); // a file that was ended while it waited
  readline.createInterface({ input: socket }).once('line', async (question) => {
    await answer(question, (message) => socket.write(`${JSON.stringify(message)}\n`));
    socket.end();
  });
});
server.listen(path.join(folder, 'socket'));

const watching = setInterval(() => {
  if (processStart(Number(pid)) !== start) void finish();
}, 100);

/** Nobody needs what the broker holds: it is killed, and then cleaned up after. */
async function finish(): Promise<void> {
  clearInterval(watching);
  stopped.abort(new Error('the run of the tests is over'));
  server.close();
  await Promise.allSettled(made.values());
  await broker?.kill();
  await broker?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  process.exit(); // even if something is open
}
