import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ChildQuestions } from '../../parent-questions.ts';
import type { ClientAnswers } from './client-turns.ts';

/** Clients of one implementation, in a process of their own. Disposing of it ends it. */
export interface ClientProcess extends AsyncDisposable {
  readonly ask: ChildQuestions<ClientAnswers>['ask'];
}

/**
 * Starts `dist/bench-client.js`; nothing is connected yet. What it says on stderr goes to this process's.
 * @param options.flags its arguments
 * @param options.env put into its environment, over this process's; AMQP_URL among it
 * @param options.signal ends it, and every question to it
 */
export function startClientProcess(options: {
  readonly script: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): ClientProcess {
  const { script, flags, env, signal } = options;
  const child = spawn(process.execPath, ['--expose-gc', script, ...flags], {
    env: { ...process.env, AMQP_URL_FILE: '', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: true, // Ctrl-C in a terminal is for us
  });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const ended = once(child, 'close').catch(() => {}); // could not be started: every question says so
  const questions = new ChildQuestions<ClientAnswers>(child);
  return {
    ask: (name, input) => questions.ask(name, input),
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', kill);
      kill();
      await ended;
    },
  };
}
