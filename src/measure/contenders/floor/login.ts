/**
 * The client properties: that the broker is to say why it refuses a login, and, to those who want to know, that the queue
 * of a consumer was deleted.
 * @see https://www.rabbitmq.com/docs/connections#capabilities
 */
export function clientProperties({ cancelNotify }: { readonly cancelNotify: boolean }): Buffer {
  const capabilities = table(flag('authentication_failure_close', true), flag('consumer_cancel_notify', cancelNotify));
  return table(field('product', 'S', long(Buffer.from('fib-worker floor'))), field('capabilities', 'F', capabilities));
}

/** The response of SASL PLAIN, a long string: https://www.rfc-editor.org/rfc/rfc4616 */
export function plainResponse(username: string, password: string): Buffer {
  return long(Buffer.from(`\0${username}\0${password}`));
}

function table(...fields: readonly Buffer[]): Buffer {
  return long(Buffer.concat(fields));
}

/** A field of a table, with the letter of its type: https://www.rabbitmq.com/amqp-0-9-1-errata#section_3 */
function field(name: string, type: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name + type, 'latin1'), value]);
}

function flag(name: string, value: boolean): Buffer {
  return field(name, 't', Buffer.from([value ? 1 : 0]));
}

/** The octets with their number before them. */
function long(octets: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}
