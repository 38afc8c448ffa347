import '../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { RpcClient } from '../src/client/client.ts';
import { openTelemetry } from '../src/opentelemetry.ts';
import { RpcError } from '../src/protocol/errors.ts';
import { RpcWorker } from '../src/worker/worker.ts';
import { amqpUrl } from '../test-helpers/broker.ts';
import { openProxy } from '../test-helpers/proxy.ts';
import { openClient, openRaw, startWorker, testQueue, until } from '../test-helpers/rpc.ts';

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}
const reader = new Reader();
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

const telemetry = openTelemetry();
const tracer = trace.getTracer('test');

/** The spans that have ended, by kind, in the order of their end. */
const spans = (kind: SpanKind) => exporter.getFinishedSpans().filter((span) => span.kind === kind);
const only = (kind: SpanKind): ReadableSpan => {
  const [span, ...more] = spans(kind);
  assert.ok(span && more.length === 0, `one span of kind ${kind}`);
  return span;
};
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const traceOf = (span: ReadableSpan) => span.spanContext().traceId;

/** The metric of this name, with the points whose attributes have these values. */
async function pointsOf<Value>(name: string, attributes: Record<string, string> = {}): Promise<DataPoint<Value>[]> {
  const { resourceMetrics } = await reader.collect();
  const metric = resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === name);
  const points = (metric?.dataPoints ?? []) as readonly DataPoint<unknown>[] as readonly DataPoint<Value>[];
  return points.filter((point) => Object.entries(attributes).every(([key, value]) => point.attributes[key] === value));
}

afterEach(() => exporter.reset());

describe('openTelemetry', () => {
  test('makes one trace of a call, its request, a nested call and what the function does besides', async (t) => {
    const [outer, inner] = [await testQueue(t), await testQueue(t)];
    const { client } = openClient(t, { telemetry });
    const query = async () => {
      await new Promise(setImmediate);
      tracer.startSpan('SELECT', { kind: SpanKind.INTERNAL }).end();
      return 'row';
    };
    await startWorker(t, query, { queue: inner, telemetry });
    await startWorker(t, async () => (await client.call(inner, 'x')).text(), { queue: outer, telemetry });
    await tracer.startActiveSpan('page', { kind: SpanKind.PRODUCER }, async (page) => {
      assert.equal((await client.call(outer, 'x')).text(), 'row');
      page.end();
    });
    await until(() => spans(SpanKind.SERVER).length === 2);

    const calls = spans(SpanKind.CLIENT);
    const chain = [
      only(SpanKind.PRODUCER),
      calls.find(({ name }) => name === outer),
      spans(SpanKind.SERVER).find(({ name }) => name === outer),
      calls.find(({ name }) => name === inner),
      spans(SpanKind.SERVER).find(({ name }) => name === inner),
      only(SpanKind.INTERNAL),
    ];
    for (const [index, span] of chain.entries()) {
      assert.ok(span, `span ${index}`);
      const parent = chain[index - 1];
      assert.equal(parentOf(span), parent?.spanContext().spanId, span.name);
      assert.equal(traceOf(span), traceOf(chain[0] as ReadableSpan), span.name);
    }
  });

  test('names spans and their attributes by the conventions', async (t) => {
    const queue = await testQueue(t);
    const { hostname, port } = new URL(amqpUrl());
    const { client } = openClient(t, { telemetry });
    let correlationId: string | undefined;
    const handler = (_: unknown, context: { correlationId: string | undefined }) => {
      ({ correlationId } = context);
      return 'ok';
    };
    await startWorker(t, handler, { queue, telemetry });
    await client.call(queue, 'x');
    await until(() => spans(SpanKind.SERVER).length === 1);

    const common = { 'rpc.system.name': 'rabbitmq', 'rpc.method': queue, 'rpc.status_code': 'OK' };
    const call = only(SpanKind.CLIENT);
    assert.equal(call.name, queue);
    assert.deepEqual(call.attributes, { ...common, 'server.address': hostname, 'server.port': Number(port || 5672) });
    assert.equal(call.status.code, SpanStatusCode.UNSET);
    const request = only(SpanKind.SERVER);
    assert.equal(request.name, queue);
    assert.deepEqual(request.attributes, { ...common, 'messaging.message.conversation_id': correlationId });
    assert.equal(request.status.code, SpanStatusCode.UNSET);
    assert.equal(request.instrumentationScope.schemaUrl, 'https://opentelemetry.io/schemas/1.45.0');
  });

  for (const [code, workerIsAtFault] of [
    ['INVALID_ARGUMENT', false],
    ['INTERNAL', true],
  ] as const) {
    test(`marks the span of a call that ends with ${code} as failed, and its request ${workerIsAtFault ? 'too' : 'not'}`, async (t) => {
      const queue = await testQueue(t);
      const { client } = openClient(t, { telemetry });
      const refuse = () => {
        throw new RpcError(code, 'no');
      };
      await startWorker(t, refuse, { queue, telemetry });
      await assert.rejects(client.call(queue, 'x'));
      await until(() => spans(SpanKind.SERVER).length === 1);

      const call = only(SpanKind.CLIENT);
      assert.deepEqual(call.status, { code: SpanStatusCode.ERROR, message: 'no' });
      assert.equal(call.attributes['rpc.status_code'], code);
      assert.equal(call.attributes['error.type'], code);
      const request = only(SpanKind.SERVER);
      assert.equal(request.status.code, workerIsAtFault ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
      assert.equal(request.attributes['rpc.status_code'], code);
      assert.equal(request.attributes['error.type'], workerIsAtFault ? code : undefined);
      const [point] = await pointsOf<Histogram>('rpc.server.call.duration', { 'rpc.method': queue });
      assert.equal(point?.attributes['error.type'], workerIsAtFault ? code : undefined);
    });
  }

  test('tells of a call that fails before it is sent, and of one that is aborted', async (t) => {
    const queue = await testQueue(t);
    const { client } = openClient(t, { telemetry });
    await assert.rejects(client.call('no such queue', 'x'));
    await assert.rejects(client.call(queue, 'x', { signal: AbortSignal.abort() }));
    await assert.rejects(client.call(queue, 'x', { timeout: -1 }), TypeError);
    assert.deepEqual(
      spans(SpanKind.CLIENT).map(({ attributes }) => [attributes['rpc.status_code'], attributes['error.type']]),
      [
        ['UNAVAILABLE', 'UNAVAILABLE'],
        [undefined, 'AbortError'],
        [undefined, 'TypeError'],
      ],
    );
  });

  test('tells of a retry and of a redelivery by events, in one trace', async (t) => {
    const queue = await testQueue(t);
    const proxy = await openProxy(t);
    const { client } = openClient(t, { urls: proxy.url, retry: true, telemetry });
    let requests = 0;
    let answer = (_: string) => {};
    const handler = () => {
      requests++;
      return new Promise<string>((resolve) => {
        answer = resolve;
      });
    };
    await startWorker(t, handler, { queue, urls: proxy.url, telemetry });
    const reply = client.call(queue, 'x');
    await until(() => requests === 1);
    proxy.cut();
    await until(() => requests >= 2);
    const answering = setInterval(() => answer('ok'), 10);
    t.after(() => clearInterval(answering));
    assert.equal((await reply).text(), 'ok');

    const call = only(SpanKind.CLIENT);
    assert.deepEqual(
      call.events.map(({ name, attributes }) => [name, attributes?.['error.type']]),
      [['retry', 'UNAVAILABLE']],
    );
    await until(() => spans(SpanKind.SERVER).some(({ events }) => events.some(({ name }) => name === 'redelivered')));
    for (const request of spans(SpanKind.SERVER)) assert.equal(parentOf(request), call.spanContext().spanId);
    assert.ok(spans(SpanKind.SERVER).some(({ attributes }) => attributes['rpc.status_code'] === 'OK'));
  });

  test('measures calls and requests in seconds, with the buckets of the conventions', async (t) => {
    const queue = await testQueue(t);
    const { client } = openClient(t, { telemetry });
    await startWorker(t, () => 'ok', { queue, telemetry });
    await client.call(queue, 'x');
    await client.call(queue, 'x');
    await until(() => spans(SpanKind.SERVER).length === 2);
    for (const [name, span] of [
      ['rpc.client.call.duration', spans(SpanKind.CLIENT)[0]],
      ['rpc.server.call.duration', spans(SpanKind.SERVER)[0]],
    ] as const) {
      const [point] = await pointsOf<Histogram>(name, { 'rpc.method': queue });
      assert.ok(point);
      assert.equal(point.value.count, 2);
      assert.ok((point.value.sum ?? 0) > 0 && (point.value.sum ?? 0) < 60, `${point.value.sum} s`);
      const { boundaries } = point.value.buckets;
      assert.deepEqual([boundaries[0], boundaries.at(-1), boundaries.length], [0.005, 10, 14]);
      const { 'messaging.message.conversation_id': _, ...measured } = span?.attributes ?? {};
      assert.deepEqual(point.attributes, measured);
    }
  });

  test("tells a client's calls that wait or are in flight, and its discarded replies", async (t) => {
    const queue = await testQueue(t);
    const { client } = openClient(t, { telemetry, maxInFlight: 1 });
    const raw = await openRaw(t);
    const inbox = await raw.consume(queue);
    const calls = [client.call(queue, 'x'), client.call(queue, 'x'), client.call(queue, 'x')];
    const { replyTo = '', correlationId } = await inbox.next();
    const count = async (state: string) => (await pointsOf<number>('fib_worker.client.calls', { state }))[0]?.value;
    assert.deepEqual([await count('in-flight'), await count('waiting')], [1, 2]);
    await raw.publish(replyTo, 'ok', { correlationId });
    await raw.publish(replyTo, 'ok', { correlationId });
    await calls[0];
    const duplicates = () => pointsOf<number>('fib_worker.client.discarded_replies', { reason: 'duplicate' });
    await until(async () => (await duplicates())[0]?.value === 1);
    for (const call of calls.slice(1)) call.catch(() => {});
    await client.close({ grace: 0 });
    assert.deepEqual([await count('in-flight'), await count('waiting')], [0, 0]);
  });

  test('takes no header for a trace that is none, and reads no more than texts', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, (_, { headers }) => Object.keys(headers).join(), { queue, telemetry });
    const { client } = openClient(t);
    for (const traceparent of ['00-nonsense', 5, [1], { deep: 'x' }, Buffer.from([0xff]), 'x'.repeat(9_000)]) {
      const headers = { traceparent, tracestate: traceparent, baggage: traceparent };
      assert.match((await client.call(queue, 'x', { headers })).text(), /traceparent/);
    }
    await until(() => spans(SpanKind.SERVER).length === 6);
    for (const span of spans(SpanKind.SERVER)) assert.equal(parentOf(span), undefined);
  });

  test('is refused where it is something else', () => {
    const wrong = { call: 'me', request: 5 } as never;
    const message = /^telemetry: expected openTelemetry\(\) of fib-worker\/opentelemetry, got \{ call: 'me'/;
    assert.throws(() => new RpcClient({ telemetry: wrong }), { name: 'TypeError', message });
    assert.throws(() => new RpcWorker({ telemetry: wrong }), { name: 'TypeError', message });
  });

  test('without an SDK adds no header of its own, and lets those pass that the caller gives', async (t) => {
    for (const api of [trace, context, propagation, metrics]) api.disable();
    const queue = await testQueue(t);
    const { client } = openClient(t, { telemetry: openTelemetry() });
    const inbox = await (await openRaw(t)).consume(queue);
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    for (const given of [undefined, headers]) {
      client.call(queue, 'x', { headers: given }).catch(() => {});
      const { headers: sent } = await inbox.next();
      assert.deepEqual({ ...sent }, { ...given, 'rpc-cancel': true });
    }
    assert.equal(exporter.getFinishedSpans().length, 0);
  });

  test('answers also where the propagator chokes on what a caller wrote', async (t) => {
    const choke = () => {
      throw new URIError('no');
    };
    propagation.setGlobalPropagator({ extract: choke, inject: () => {}, fields: () => [] });
    const queue = await testQueue(t);
    await startWorker(t, () => 'ok', { queue, telemetry: openTelemetry() });
    assert.equal((await openClient(t).client.call(queue, 'x', { headers: { baggage: '%' } })).text(), 'ok');
  });
});
