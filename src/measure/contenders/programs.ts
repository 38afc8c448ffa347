import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/** A program as a whole: how it is run. */
export interface Command {
  /** Default: this Node. */
  readonly file?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The programs of a contender that are timed and weighed from exec on. */
export interface WholeProgram {
  readonly name: string;
  readonly detail: string;
  /** Makes a call for fib(30), prints the answer and ends. */
  readonly call: (queue: string) => Command;
  /** Consumes, and says so; absent where only the client is run. */
  readonly serve?: (queue: string) => Command;
  /** Makes a call for each line of its standard input, prints the answers in order, and tells when it is connected. */
  readonly callEach?: (queue: string, inFlight: number) => Command;
}

/** Said by those that serve, when they are ready. */
export const CONSUMING = /consuming/;

/** Said by those that call for each line, when they are ready. */
export const CONNECTED = /connected to/;

/** Printed by those that call: fib(30). */
export const ANSWER = /832040/;

const inQueue = (queue: string) => ({ RPC_QUEUE: queue });

/**
 * The programs that there are here: this project's as they are shipped, the floor's, the tutorial's in JavaScript, Python and
 * Go as far as these are installed, and a Node that does nothing, for scale.
 * @param folder of the build; the programs in other languages lie beside it, in a checkout
 * @param temporary a folder for what has to be compiled
 */
export function wholePrograms(folder: string, temporary: string): readonly WholeProgram[] {
  const built = (file: string) => path.join(folder, file);
  const ours = (who: string, role: string) => (queue: string) => ({
    args: [built('compare-program.js'), who, role, queue],
  });
  return [
    {
      name: 'fib-worker',
      detail: 'dist/client.js 30 and dist/worker.js',
      call: (queue) => ({ args: [built('client.js'), '--queue', queue, '30'] }),
      serve: (queue) => ({ args: [built('worker.js'), '--queue', queue, '--log', 'json'] }),
      callEach: (queue, inFlight) => ({
        args: [built('client.js'), '--queue', queue, '-q', '-v', '-t', '10m', '-c', String(inFlight), '-'],
      }),
    },
    { name: 'floor', detail: 'the floor’s code', call: ours('floor', 'call'), serve: ours('floor', 'serve') },
    {
      name: 'amqplib',
      detail: 'RabbitMQ’s JavaScript tutorial, without the half second that its client waits at the end',
      call: ours('amqplib', 'call'),
      serve: ours('amqplib', 'serve'),
    },
    ...python(path.join(folder, '../tiers/interop/pika/rpc_client.py')),
    ...go(path.join(folder, '../tiers/interop/go/rpc_client.go'), temporary),
    {
      name: 'node',
      detail: 'a Node that does nothing',
      call: () => ({ args: ['-e', 'console.log(832040)'] }),
      serve: () => ({ args: ['-e', 'console.error("consuming"); setInterval(() => {}, 1e6)'] }),
    },
  ];
}

function python(client: string): WholeProgram[] {
  // `python3` on PATH may be one that doesn't see the system's packages
  const file = ['/usr/bin/python3', 'python3'].find(
    (one) => spawnSync(one, ['-c', 'import pika'], { stdio: 'ignore' }).status === 0,
  );
  if (!file || !existsSync(client)) return [];
  const call = (queue: string) => ({ file, args: ['-u', client], env: inQueue(queue) });
  return [{ name: 'pika', detail: 'RabbitMQ’s Python tutorial on pika: its client', call }];
}

function go(client: string, temporary: string): WholeProgram[] {
  if (!existsSync(client)) return [];
  const env = {
    ...process.env,
    // Debian's Go packages are source below /usr/share/gocode, meant for Go as it was before modules
    GO111MODULE: 'off',
    GOPATH: '/usr/share/gocode',
    GOFLAGS: '',
    CGO_ENABLED: '0',
    GOCACHE: path.join(temporary, 'go-cache'),
  };
  const program = path.join(temporary, 'rpc_client');
  const compiled = ['/usr/bin/go', 'go'].some(
    (one) => spawnSync(one, ['build', '-o', program, client], { env, stdio: 'ignore' }).status === 0,
  );
  if (!compiled) return [];
  const call = (queue: string) => ({ file: program, args: ['30'], env: inQueue(queue) });
  return [{ name: 'go', detail: 'RabbitMQ’s Go tutorial on streadway/amqp: its client, compiled', call }];
}
