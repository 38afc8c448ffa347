import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import net from 'node:net';
import { printable } from '../../protocol/text.ts';

/** How long a worker may take to answer, in ms: it computes on the thread that answers. */
const TIMEOUT = 5_000;

/** How long somebody who asked may keep the connection, in ms, and how many may at a time. */
const CONNECTION_LIMIT = 1_000;
const MAX_CONNECTIONS = 32;

/** The longest answer, in characters. */
const MAX_ANSWER = 500;

/**
 * Where a worker answers: in Linux's abstract socket namespace, https://man7.org/linux/man-pages/man7/unix.7.html, which
 * needs no writable file system, no port and no permission, and ends with the process; the first octet, 0, says so. That
 * namespace belongs to the network, which containers may share (`--network host`, a Kubernetes pod); the mount namespace is
 * each container's own, so its inode is in the name.
 */
function socketName(pid: number): string {
  return `\0fib-worker/${mountNamespace()}/${pid}`;
}

function mountNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0] ?? '';
}

/**
 * Answers who asks by {@link checkWorkers}, for as long as the process lives; keeps no process running.
 * @param describe one line, `ready` if all is well
 * @param onError told if it can't, as on Node before 20.8 or under another system than Linux
 */
export function answerChecks(describe: () => string, onError: (error: Error) => void): void {
  try {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.setTimeout(CONNECTION_LIMIT, () => socket.destroy());
      socket.end(`${describe()}\n`, () => socket.destroy());
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.on('error', onError);
    server.listen(socketName(process.pid)).unref();
  } catch (error) {
    onError(error as Error);
  }
}

/**
 * Asks the workers of this container, or of this machine outside of one, that run as the same user, or as root.
 * @param pid only this one
 * @returns undefined if there is one and all that there are are ready, else a line that says why not
 */
export async function checkWorkers(pid?: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return '--check needs Linux; elsewhere ask for /readyz, see --http-port';
  const named = listeners().filter((one) => pid === undefined || one.pid === pid);
  const found = named.filter(isWorker);
  if (found.length === 0) {
    const none = pid === undefined ? 'no worker runs here' : `no worker with the pid ${pid} runs here`;
    return named.length === 0
      ? none
      : `${none}, as this user or as root; a socket that says so is somebody else's: ask as the worker's own user`;
  }
  const answers = await Promise.all(
    found.map(async (worker) => ({ pid: worker.pid, answer: await ask(worker.name).catch((error) => error.message) })),
  );
  const failed = answers.filter(({ answer }) => answer !== 'ready');
  return failed.length === 0
    ? undefined
    : failed.map((one) => printable(`worker ${one.pid}: ${one.answer}`)).join('; ');
}

/** A process that listens at a name such as {@link socketName} makes: anybody can do that. */
interface Listener {
  readonly name: string;
  /** The process that the name tells of. */
  readonly pid: number;
  /** The inode of the socket. */
  readonly inode: string;
}

/**
 * The kernel lists the sockets of this network namespace, those that listen with a flag, and shows octets of 0, which may pad
 * a name, as @: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html
 */
function listeners(): Listener[] {
  const sockets = readFileSync('/proc/net/unix', 'latin1');
  const line = new RegExp(
    `^\\S+ \\S+ \\S+ 00010000 \\S+ \\S+ +(\\d+) (@fib-worker/${mountNamespace()}/(\\d+)@*)$`,
    'gm',
  );
  return [...sockets.matchAll(line)].map(([, inode = '', name = '', pid]) => ({
    name: name.replaceAll('@', '\0'),
    pid: Number(pid),
    inode,
  }));
}

/** Whether it is the process that its name tells of, and one that may be believed: of the same user, or of root. */
function isWorker({ pid, inode }: Listener): boolean {
  try {
    const { uid } = statSync(`/proc/${pid}`);
    if (uid !== 0 && uid !== process.getuid?.()) return false;
    const files = `/proc/${pid}/fd`;
    return readdirSync(files).some((file) => linkOf(`${files}/${file}`) === `socket:[${inode}]`);
  } catch {
    return false; // it is gone, or may not be looked at
  }
}

function linkOf(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined; // closed meanwhile
  }
}

function ask(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = net.connect(name).setEncoding('utf8');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer within ${TIMEOUT / 1_000} s: it is stopped, or busy with one request`));
    }, TIMEOUT);
    socket.on('data', (text) => {
      answer = (answer + text).slice(0, MAX_ANSWER);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(`it can't be asked (${error.code})`)));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer.trim() || 'no answer: it is about to end');
    });
  });
}
