// `node watchdog-process.mjs MARK PID FILE` watches over one test file; see watchdog.ts, which tells it what goes on there.
// Plain JavaScript, for it starts once for each file.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [mark, pid, file] = process.argv.slice(2);
/** How long nothing may go on, in s. */
const limit = Number(process.env.SILENCE || 300);
const running = new Set();
let heard = performance.now();

/** The processes that carry the mark: the id and the command of each. */
function marked() {
  if (!existsSync('/proc/self/environ')) {
    const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8' });
    const lines = (stdout ?? '').split('\n').filter((line) => line.split(' ').includes(mark));
    return lines.map((line) => ({ id: Number.parseInt(line, 10), command: line.trim().slice(0, 200) }));
  }
  return readdirSync('/proc').flatMap((id) => {
    try {
      if (!readFileSync(`/proc/${id}/environ`, 'latin1').split('\0').includes(mark)) return [];
      return [
        { id: Number(id), command: readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200) },
      ];
    } catch {
      return []; // no process, gone meanwhile, or another user's
    }
  });
}

function kill(id) {
  try {
    process.kill(id, 'SIGKILL');
  } catch {
    // gone meanwhile
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // it ends with the file, not before
const watching = setInterval(() => {
  const silent = (performance.now() - heard) / 1_000;
  if (silent < limit) return;
  clearInterval(watching);
  const name = path.relative(process.cwd(), file);
  const lines = [
    `✖ ${name}: no sign of life for ${Math.round(silent)} s: ended, with all that it started`,
    ...[...running].map((test) => `    in the test: ${test}`),
    ...marked().map(({ id, command }) => `    process ${id}: ${command}`),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
  kill(Number(pid));
}, 200);

for await (const line of readline.createInterface({ input: process.stdin })) {
  heard = performance.now();
  if (line.startsWith('+')) running.add(line.slice(1));
  if (line.startsWith('-')) running.delete(line.slice(1));
}
clearInterval(watching);
// the file has ended; twice in a row none: a process on its way from fork to exec does not carry the mark yet
for (let none = 0; none < 2; await sleep(20)) {
  const left = marked();
  for (const { id } of left) kill(id);
  none = left.length === 0 ? none + 1 : 0;
}
