// A process of the comparison: a client, a worker, or the proxy that makes the way to the broker longer. compare.js starts
// it and tells it over Node's IPC channel what to be; not for users.
import { implementations } from '../../measure/contenders/index.ts';
import { answerAsChild } from '../../measure/engine/child-side.ts';

if (process.connected) answerAsChild(implementations);
else {
  process.stderr.write('fib-compare-child: it is started by compare.js\n');
  process.exitCode = 2;
}
