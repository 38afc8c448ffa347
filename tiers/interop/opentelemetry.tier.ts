import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { afterEach, describe, test } from 'node:test';
import { SpanKind, trace } from '@opentelemetry/api';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { openTelemetry } from '../../src/opentelemetry.ts';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { openClient, startWorker, testQueue, until } from '../../test-helpers/rpc.ts';

const exporter = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
new AmqplibInstrumentation();
// after its instrumentation, which sees what is required and not what is imported
const amqplib: typeof import('amqplib') = createRequire(import.meta.url)('amqplib');

const telemetry = openTelemetry();
const tracer = trace.getTracer('test');

afterEach(() => exporter.reset());

/** The span that has ended of this kind and below that one; undefined if it has not. */
const below = (parent: ReadableSpan | undefined, kind: SpanKind) =>
  exporter
    .getFinishedSpans()
    .find((span) => span.kind === kind && parent && span.parentSpanContext?.spanId === parent.spanContext().spanId);

const named = (name: string) => exporter.getFinishedSpans().find((span) => span.name === name);

describe('interop with amqplib under @opentelemetry/instrumentation-amqplib', () => {
  test('its client and our worker make one trace', async (t) => {
    const queue = await testQueue(t);
    await startWorker(t, (request) => request.text().toUpperCase(), { queue, telemetry });
    const connection = await amqplib.connect(amqpUrl());
    t.after(() => connection.close());
    const channel = await connection.createChannel();
    const reply = new Promise<string>((resolve) => {
      void channel.consume('amq.rabbitmq.reply-to', (message) => resolve(String(message?.content)), { noAck: true });
    });
    tracer.startActiveSpan('page', (page) => {
      channel.sendToQueue(queue, Buffer.from('ok'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: '1' });
      page.end();
    });
    assert.equal(await reply, 'OK');
    const request = () => below(below(named('page'), SpanKind.PRODUCER), SpanKind.SERVER);
    await until(() => request() !== undefined);
    assert.equal(request()?.spanContext().traceId, named('page')?.spanContext().traceId);
    assert.equal(request()?.attributes['rpc.method'], queue);
  });

  test('our client and its server make one trace, which goes on below the server', async (t) => {
    const queue = await testQueue(t);
    const connection = await amqplib.connect(amqpUrl());
    t.after(() => connection.close());
    const channel = await connection.createChannel();
    await channel.consume(queue, (message) => {
      if (!message) return;
      tracer.startSpan('SELECT').end();
      const { replyTo, correlationId } = message.properties;
      channel.sendToQueue(replyTo, Buffer.from(String(message.content).toUpperCase()), { correlationId });
      channel.ack(message);
    });
    const { client } = openClient(t, { telemetry });
    await tracer.startActiveSpan('page', async (page) => {
      assert.equal((await client.call(queue, 'ok')).text(), 'OK');
      page.end();
    });
    const server = () => below(below(named('page'), SpanKind.CLIENT), SpanKind.CONSUMER);
    await until(() => server() !== undefined);
    assert.equal(named('SELECT')?.parentSpanContext?.spanId, server()?.spanContext().spanId);
    assert.equal(named('SELECT')?.spanContext().traceId, named('page')?.spanContext().traceId);
  });
});
