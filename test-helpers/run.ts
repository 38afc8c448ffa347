// The things that all test files of one run share: a RabbitMQ and the built programs, each made for the first file that asks. A process
// of its own, the keeper, makes and keeps them; it ends with the run, however that ends.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { whyUntrusted } from '../src/rabbitmq/trust.ts';
import { processStart } from './process-start.ts';
import type { Message } from './run-keeper.ts';
import { MARK } from './watchdog.ts';

/** The process that the run is: Node's runner, whose children the files are, or this one if it was started without it. */
const runner = process.env.NODE_TEST_CONTEXT ? process.ppid : process.pid;

/** In the keeper's folder: a file that is there once it has ended too early, and what it complained of. */
const [ENDED, LOG] = ['ended', 'log'];

/**
 * Asks the keeper of this run for something; the first to ask starts the keeper.
 * `rabbitmqctl` takes arguments, runs on the broker of this run, and gives its standard output.
 */
export async function ofThisRun(what: 'broker' | 'programs' | 'rabbitmqctl', ...args: string[]): Promise<string> {
  const began = processStart(runner);
  const folder = path.join(os.tmpdir(), `fib-worker-tests-${process.getuid?.()}-${runner}-${began}`);
  if (makeFolder(folder)) {
    const program = path.join(import.meta.dirname, 'run-keeper.ts');
    const log = openSync(path.join(folder, LOG), 'a');
    const keeper = spawn(process.execPath, [program, folder, String(runner), String(began)], {
      detached: true,
      stdio: ['ignore', 'ignore', log],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, [MARK]: undefined }, // of the run, not of this file
    });
    // nobody shall wait for what can't come
    for (const end of ['error', 'exit']) keeper.once(end, () => writeFileSync(path.join(folder, ENDED), ''));
    keeper.unref();
    closeSync(log);
  }
  const socket = await connect(folder);
  socket.write(`${JSON.stringify([what, ...args])}\n`);
  for await (const line of readline.createInterface({ input: socket })) {
    const message = JSON.parse(line) as Message;
    if ('said' in message) console.error(message.said);
    else if ('failure' in message) throw new Error(message.failure);
    else return message.value;
  }
  throw ended(folder);
}

function ended(folder: string): Error {
  const log = path.join(folder, LOG);
  const complaint = existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : 'it left nothing';
  return new Error(`the keeper of what the test files share has ended: ${complaint}`);
}

/** Makes a folder that is ours alone; false if it was there. What its socket says is run, so nobody else may have made it. */
function makeFolder(folder: string): boolean {
  let made = true;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    made = false;
  }
  const untrusted = whyUntrusted(folder);
  if (untrusted !== undefined) throw new Error(`what the test files share can't be kept in ${folder}: ${untrusted}`);
  return made;
}

/** Connects to the keeper, which may still be starting. */
async function connect(folder: string): Promise<net.Socket> {
  for (let refused = 0; ; await sleep(20)) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = net.connect(path.join(folder, 'socket'));
        socket.once('connect', () => resolve(socket)).once('error', reject);
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
      if (code === 'ECONNREFUSED') refused += 1; // for a moment while it starts, and for ever if it was killed
      if (refused > 500 || existsSync(path.join(folder, ENDED))) throw ended(folder);
    }
  }
}
