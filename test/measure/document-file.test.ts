import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { figures } from '../../src/measure/document.ts';
import { parseDocument } from '../../src/measure/document-file.ts';
import { designs } from '../../src/measure/implementation.ts';
import { completeDocument, sampleDocument } from '../../test-helpers/measure/sample-document.ts';

const schema = JSON.parse(readFileSync('docs/comparison.schema.json', 'utf8'));
const validate = new Ajv2020({ allErrors: true }).compile(schema);

type Path = readonly (string | number)[];

/** Every place in a value that has one, but the whole. */
function placesIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inside]) => {
    const place = [...at, Array.isArray(value) ? Number(key) : key];
    return [place, ...placesIn(inside, place)];
  });
}

/** A copy of the complete document in which something was done to the holder of a place. */
function changed(
  place: Path,
  change: (holder: Record<string | number, unknown>, key: string | number) => void,
): unknown {
  const copy: unknown = structuredClone(completeDocument);
  const holder = place.slice(0, -1).reduce((inside, key) => (inside as Record<string | number, unknown>)[key], copy);
  change(holder as Record<string | number, unknown>, place.at(-1) ?? '');
  return copy;
}

function reads(value: unknown): boolean {
  try {
    parseDocument(JSON.stringify(value), 'a.json');
    return true;
  } catch {
    return false;
  }
}

describe('the schema of the document', () => {
  it('accepts a run, and a document that has every optional field', () => {
    for (const document of [sampleDocument, completeDocument]) {
      // as it is in the file
      assert.ok(validate(JSON.parse(JSON.stringify(document))), JSON.stringify(validate.errors, undefined, 1));
    }
  });

  it('has no field that the type does not have, and describes every one', () => {
    const used = new Set(placesIn(completeDocument).map((place) => place.findLast((key) => typeof key === 'string')));
    const named = [schema, ...Object.values<object>(schema.$defs)].flatMap(propertiesIn);
    assert.ok(named.length > 50, 'properties are found at all');
    for (const [name, property] of named) {
      assert.ok(used.has(name), `${name} is in the schema, and not in the type`);
      assert.ok('description' in property || '$ref' in property, `${name} has no description`);
    }
  });

  it('names the figures and designs that there are', () => {
    assert.deepEqual([...schema.$defs.figureName.enum].sort(), Object.keys(figures).sort());
    assert.deepEqual(schema.$defs.design.enum, designs);
  });

  it('rejects what it does not know, and numbers that are none', () => {
    assert.ok(!validate({ ...completeDocument, more: 1 }));
    for (const place of placesIn(completeDocument)) {
      assert.ok(!validate(changed(place, (holder, key) => (holder[key] = null))), `${place.join('.')}: null`);
    }
    assert.ok(!validate({ ...completeDocument, version: 2 }));
    assert.ok(!validate({ ...completeDocument, began: 'today' }));
  });
});

/** The properties of a schema, those of objects within it included. */
function propertiesIn(node: unknown): [name: string, property: object][] {
  if (typeof node !== 'object' || node === null) return [];
  const own = 'properties' in node ? Object.entries(node.properties as Record<string, object>) : [];
  const inside = Object.entries(node).filter(([key]) => key !== '$defs');
  return [...own, ...inside.flatMap(([, value]) => propertiesIn(value))];
}

describe('a document in a file', () => {
  it('is read as it was written', () => {
    for (const document of [sampleDocument, completeDocument]) {
      assert.deepEqual(parseDocument(JSON.stringify(document), 'a.json'), JSON.parse(JSON.stringify(document)));
    }
  });

  it('may hold what a later program added', () => {
    assert.ok(reads({ ...completeDocument, more: { of: 'it' } }));
  });

  it('is refused exactly where the schema refuses it, whatever is missing or has another type', () => {
    const changes = {
      missing: (holder: Record<string | number, unknown>, key: string | number) => delete holder[key],
      null: (holder: Record<string | number, unknown>, key: string | number) => (holder[key] = null),
      other: (holder: Record<string | number, unknown>, key: string | number) => (holder[key] = [{}]),
    };
    let refused = 0;
    for (const place of placesIn(completeDocument)) {
      for (const [what, change] of Object.entries(changes)) {
        if (what === 'missing' && typeof place.at(-1) === 'number') continue; // a list may be shorter
        const document = changed(place, change);
        const valid = validate(JSON.parse(JSON.stringify(document)));
        if (!valid) refused++;
        assert.equal(reads(document), valid, `${place.join('.')}: ${what}`);
      }
    }
    assert.ok(refused > 200);
  });

  it('says what is wrong with it, where, and what to do', () => {
    const messages: [text: string, message: RegExp][] = [
      ['', /^a\.json is not JSON \(.*\): expected a file that --json wrote$/],
      ['null', /^a\.json is no comparison: expected a file that --json wrote/],
      ['{"format":"other"}', /^a\.json is no comparison/],
      [
        JSON.stringify({ ...completeDocument, version: 7 }),
        /^a\.json has version 7 of the format, and this program reads version 1: take the newer program that wrote it$/,
      ],
      [JSON.stringify({ ...completeDocument, version: '1' }), /has version "1" of the format.*: measure again$/],
      [
        JSON.stringify(
          changed(['workloads', 0, 'levels', 0, 'entries', 0, 'design'], (at, key) => (at[key] = 'quick')),
        ),
        /^a\.json is damaged: workloads\[0\]\.levels\[0\]\.entries\[0\]\.design: expected per-request or exclusive or direct, found "quick"$/,
      ],
      [
        JSON.stringify({ ...completeDocument, took: 'long' }).replace('"long"', '1e999'),
        /^a\.json is damaged: took: expected a number, found null$/,
      ],
      [JSON.stringify({ ...completeDocument, began: 'x'.repeat(99) }), /began: expected a date, found "x{39}$/],
    ];
    for (const [text, message] of messages) assert.throws(() => parseDocument(text, 'a.json'), { message });
  });
});
