import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { BrokerConnection } from '../../src/amqp/connection.ts';
import { connect } from '../../src/amqp/dial.ts';
import { inspectQueue } from '../../src/amqp/queues.ts';
import { parseAmqpUrl } from '../../src/amqp/url.ts';
import type { MeasureDocument } from '../../src/measure/document/document.ts';
import { amqpUrl } from '../broker.ts';
import type { Scope } from '../rpc.ts';

/** Runs with a connection of its own. */
export async function withConnection<T>(use: (connection: BrokerConnection) => Promise<T>): Promise<T> {
  const connection = await connect(parseAmqpUrl(amqpUrl()));
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** The broker's account of a queue; undefined if there is none. */
export const inspect = (queue: string) => inspectQueue(parseAmqpUrl(amqpUrl()), queue);

/** The request queues that a comparison named. */
export function queuesIn(text: string): string[] {
  return [...new Set(text.match(/fib-worker\.compare\.[\w-]+\.[0-9a-f]{12}/g))];
}

/** Asserts that a comparison named that many request queues, and left none of them. */
export async function expectNoQueues(text: string, count: number): Promise<void> {
  const queues = queuesIn(text);
  assert.equal(queues.length, count, text);
  for (const queue of queues) assert.equal(await inspect(queue), undefined, queue);
}

/** A folder for one test. */
export async function folderFor(t: Scope): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fib-compare-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The document that `--json` wrote. */
export async function readJson(file: string): Promise<MeasureDocument> {
  return JSON.parse(await readFile(file, 'utf8')) as MeasureDocument;
}
