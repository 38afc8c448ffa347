/** Section `amqp-value`: a described type whose descriptor is the number 0x77. */
const DESCRIPTORS = ['005377', '00800000000000000077'].map((hex) => Buffer.from(hex, 'hex'));

/** The names of other types, for people. */
const names: Readonly<Record<number, string>> = {
  64: 'null',
  65: 'a boolean',
  66: 'a boolean',
  86: 'a boolean',
  114: 'a float',
  130: 'a double',
  69: 'a list',
  192: 'a list',
  208: 'a list',
  193: 'a map',
  209: 'a map',
  224: 'an array',
  240: 'an array',
};

/**
 * Reads the body that RabbitMQ makes of an AMQP 1.0 message whose body is no octets: the sections as they were encoded. A
 * single string, symbol or binary gives its octets, a whole number its decimal digits; of anything else the result says
 * what it is.
 * @see https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-types-v1.0-os.html
 */
export function decodeAmqpValue(section: Buffer): Buffer | string {
  const start = DESCRIPTORS.find((descriptor) => section.subarray(0, descriptor.length).equals(descriptor))?.length;
  if (start === undefined) return 'is of AMQP 1.0, and neither data nor a value';
  const type = section[start];
  const value = section.subarray(start + 1);
  const whole = wholeNumber(type, value);
  if (whole !== undefined) return Buffer.from(String(whole));
  switch (type) {
    case 0xa0: // vbin8, str8-utf8, sym8
    case 0xa1:
    case 0xa3:
      if (value.length > 0 && value.length === 1 + value.readUInt8()) return value.subarray(1);
      break;
    case 0xb0: // vbin32, str32-utf8, sym32
    case 0xb1:
    case 0xb3:
      if (value.length >= 4 && value.length === 4 + value.readUInt32BE()) return value.subarray(4);
      break;
    default:
      return `is an AMQP 1.0 value: ${names[type ?? 0] ?? `type 0x${type?.toString(16) ?? ''}`}`;
  }
  return 'is an AMQP 1.0 value whose length is wrong';
}

function wholeNumber(type: number | undefined, value: Buffer): bigint | number | undefined {
  switch (`${type}/${value.length}`) {
    case `${0x43}/0`: // uint0, ulong0
    case `${0x44}/0`:
      return 0;
    case `${0x50}/1`: // ubyte, smalluint, smallulong
    case `${0x52}/1`:
    case `${0x53}/1`:
      return value.readUInt8();
    case `${0x51}/1`: // byte, smallint, smalllong
    case `${0x54}/1`:
    case `${0x55}/1`:
      return value.readInt8();
    case `${0x60}/2`:
      return value.readUInt16BE();
    case `${0x61}/2`:
      return value.readInt16BE();
    case `${0x70}/4`:
      return value.readUInt32BE();
    case `${0x71}/4`:
      return value.readInt32BE();
    case `${0x80}/8`:
      return value.readBigUInt64BE();
    case `${0x81}/8`:
      return value.readBigInt64BE();
    default:
      return undefined;
  }
}
