import fc from 'fast-check';
import { field, int, long, table } from './raw-amqp.ts';
import type { RawMessage } from './raw-publisher.ts';

/** The expected fate of a message: its reply comes, it is answered into the void, or it is rejected for this reason. */
type Fate = 'reply' | 'void' | 'missing-reply-to' | 'malformed-reply-to' | 'refused-reply-to';

/** A message that nobody should send, and what a worker has to make of it. */
export interface HostileMessage {
  readonly message: RawMessage;
  readonly fate: Fate;
}

/** The parts that messages are made up from. */
export interface Scene {
  /** The request queue. */
  readonly queue: string;
  /** A queue named by the broker, to which replies may go. */
  readonly replyQueue: string;
  /** A real address of Direct Reply-To. */
  readonly address: string;
  /** The worker writes to queues `ALLOWED.*` besides. */
  readonly allowed: string;
}

const octets = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((o) => Buffer.from(o));
const utf8 = (text: string) => Uint8Array.from(Buffer.from(text));
const latin1 = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

const nastyTexts = ['', '\0', '\r\n', '\u202e', '\ud800', '__proto__', 'constructor', 'a'.repeat(255)];
const shortString = fc.oneof(
  octets(255),
  fc.constantFrom(...nastyTexts).map(utf8),
  fc.string({ maxLength: 60 }).map(utf8),
);

/** Mostly the one; the other is what a broker refuses itself, which costs a connection each time. */
const mostly = <T, U>(one: fc.Arbitrary<T>, other: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 50, arbitrary: one as fc.Arbitrary<T | U> }, { weight: 1, arbitrary: other });

const nearNumbers = [
  '',
  '-1',
  '+1',
  '007',
  ' 7',
  '7\n',
  '1e3',
  '0x10',
  '1.5',
  '1_000',
  'NaN',
  'Infinity',
  '٣',
  '７',
  '7\0',
];
const fieldName = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('__proto__', 'toString', 'x-death'));
const number = fc.nat({ max: 300 }).map(String);
const digits = (min: number, max: number) =>
  fc.array(fc.constantFrom(...'0123456789'), { minLength: min, maxLength: max }).map((all) => all.join(''));

const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: number.map(utf8) },
  { weight: 3, arbitrary: fc.constantFrom(...nearNumbers).map(utf8) },
  { weight: 3, arbitrary: octets(80) },
  { weight: 2, arbitrary: digits(1, 70).map(utf8) },
  { weight: 1, arbitrary: fc.json().map(utf8) },
  { weight: 1, arbitrary: fc.integer({ min: 65, max: 300_000 }).map((size) => new Uint8Array(size).fill(0x31)) },
);

/** A header table's fields: of every type that there is, nested, and of types that there are not. */
const { fields } = fc.letrec<{ value: [type: string, octets: Buffer]; fields: Buffer; array: Buffer }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.tuple(fc.constantFrom('t', 'b', 'B'), exactly(1)),
    fc.tuple(fc.constantFrom('s', 'u'), exactly(2)),
    fc.tuple(fc.constantFrom('I', 'i', 'f'), exactly(4)),
    fc.tuple(fc.constantFrom('l', 'd', 'T', 'L'), exactly(8)),
    fc.tuple(fc.constant('D'), exactly(5)),
    fc.tuple(fc.constantFrom('S', 'x'), octets(100).map(Buffer.from).map(long)),
    fc.tuple(fc.constant('V'), exactly(0)),
    fc.tuple(fc.constant('F'), tie('fields').map(table)),
    fc.tuple(fc.constant('A'), tie('array').map(long)),
  ),
  array: fc
    .array(tie('value'), { maxLength: 6 })
    .map((all) => Buffer.concat(all.map(([type, value]) => Buffer.concat([Buffer.from(type), value])))),
  fields: fc
    .array(fc.tuple(fieldName, tie('value')), { maxLength: 6 })
    .map((all) => Buffer.concat(all.map(([name, [type, value]]) => field(name, type, value)))),
}));

const unknownType = octets(8).map((value) => field('x', 'z', Buffer.from(value)));
const truncated = fc.tuple(fields, fc.integer({ min: 1, max: 20 })).map(([all, cut]) => all.subarray(0, -cut));
const headers: fc.Arbitrary<Uint8Array> = mostly(fields, fc.oneof(unknownType, truncated, octets(300)));

/** Reply addresses, with what they lead to. */
function replyTo({
  queue,
  replyQueue,
  address,
  allowed,
}: Scene): fc.Arbitrary<{ to: Uint8Array | undefined; fate: Fate }> {
  const fated = (fate: Fate, to: fc.Arbitrary<Uint8Array | undefined>) => to.map((octets) => ({ to: octets, fate }));
  const [start = '', pid = '', key = ''] = /^(.*\.)(.*)\.(.*)$/.exec(address)?.slice(1) ?? [];
  const broken = fc.oneof(
    fc.integer({ min: start.length, max: address.length - 1 }).map((end) => latin1(address.slice(0, end))),
    fc
      .tuple(octets(60), fc.constantFrom(...'. \0\n\xff:'))
      .map(([more, mark]) => Buffer.concat([latin1(address), latin1(mark), more])),
    fc.nat({ max: pid.length }).map((at) => latin1(`${start}${pid.slice(0, at)}A${pid.slice(at)}.${key}`)),
    octets(200).map((more) => Buffer.concat([latin1('amq.rabbitmq.reply-to'), Buffer.from([0]), more])),
  );
  const foreign = fc.constantFrom(
    queue,
    'rpc_queue',
    `${queue}\n`,
    'amq.gen',
    'AMQ.GEN-x',
    ' amq.gen-x',
    'amq.default',
    '*',
    allowed,
  );
  return fc.oneof(
    { weight: 8, arbitrary: fated('reply', fc.constant(latin1(replyQueue))) },
    { weight: 1, arbitrary: fated('missing-reply-to', fc.constantFrom(undefined, new Uint8Array())) },
    { weight: 3, arbitrary: fated('malformed-reply-to', broken) },
    { weight: 2, arbitrary: fated('refused-reply-to', foreign.map(utf8)) },
    {
      weight: 1,
      arbitrary: fated(
        'refused-reply-to',
        octets(200).map((more) => Buffer.concat([utf8('q'), more])),
      ),
    },
    // no UTF-8, so it can't be the name of a queue that the worker could write to
    {
      weight: 1,
      arbitrary: fated(
        'refused-reply-to',
        octets(60).map((more) => Buffer.concat([utf8('amq.gen-'), more, latin1('\xff')])),
      ),
    },
    {
      weight: 1,
      arbitrary: fated(
        'void',
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((name) => utf8(`amq.gen-${name}`)),
      ),
    },
    {
      weight: 1,
      arbitrary: fated(
        'void',
        fc.string({ maxLength: 60 }).map((name) => utf8(`${allowed}.${name}`)),
      ),
    },
  );
}

/** Messages in which everything that a publisher decides may be anything. */
export function hostileMessage(scene: Scene): fc.Arbitrary<HostileMessage> {
  const sometimes = <T>(arbitrary: fc.Arbitrary<T>, freq = 2) => fc.option(arbitrary, { nil: undefined, freq });
  const properties = fc.record({
    contentType: sometimes(fc.oneof(shortString, fc.constantFrom('text/plain', 'application/json').map(utf8))),
    contentEncoding: sometimes(fc.oneof(shortString, fc.constant(utf8('gzip')))),
    headers: sometimes(headers),
    deliveryMode: sometimes(mostly(fc.constantFrom(1, 2), fc.nat({ max: 255 })).map((value) => int(1, value))),
    priority: sometimes(fc.nat({ max: 255 }).map((value) => int(1, value))),
    correlationId: fc.option(shortString, { nil: undefined, freq: 8 }),
    // not short ones: whether such a request expires in the queue or in the worker is a matter of luck
    expiration: sometimes(
      mostly(fc.constantFrom('60000', '0060000', '+60000', '4294967295'), fc.constantFrom('-1', 'soon')).map(utf8),
    ),
    messageId: sometimes(shortString),
    timestamp: sometimes(exactly(8)),
    type: sometimes(fc.oneof(shortString, fc.constant(utf8('error')))),
    userId: mostly(fc.constant(undefined), shortString),
    appId: sometimes(shortString),
    clusterId: sometimes(shortString),
  });
  const flags = mostly(fc.constant(0), fc.constantFrom(1, 2, 3));
  return fc.tuple(body, properties, replyTo(scene), flags).map(([octets, given, { to, fate }, spare]) => ({
    message: { body: octets, properties: { ...given, replyTo: to }, flags: spare },
    fate,
  }));
}
