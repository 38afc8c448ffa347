import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { runClient, startWorker, uniqueQueue } from '../../test-helpers/programs.ts';
import { type Family, parseMetrics } from '../../test-helpers/prometheus.ts';

const DASHBOARD = 'deploy/grafana/dashboard.json';
const ALERTS = 'deploy/prometheus/alerts.yaml';

/** Labels that Prometheus adds. */
const added = ['instance', 'le'];

/** A PromQL expression's metrics, and the labels that it names anywhere. */
function readExpression(expression: string): { readonly metrics: string[]; readonly labels: string[] } {
  const selectors = [...expression.matchAll(/([a-z_]+)\s*(?:!=|=~|!~|=)\s*"/g)].map(([, label]) => label ?? '');
  const groups = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => (list ?? '').split(/\s*,\s*/));
  const bare = expression.replace(/\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)/g, ' ');
  const metrics = [...bare.matchAll(/\b[a-z]+(?:_[a-z0-9]+)+\b(?!\s*\()/g)].map(([name]) => name);
  return { metrics: [...new Set(metrics)], labels: [...new Set([...selectors, ...groups])] };
}

/** The expressions of the dashboard and of the alert rules, by where they stand. */
function expressions(): Map<string, string> {
  const { panels, templating } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
    templating: { list: { name: string; query: string }[] };
  };
  const found = new Map<string, string>();
  for (const { title, targets } of panels)
    for (const [index, { expr }] of targets.entries()) found.set(`panel '${title}' ${index}`, expr);
  for (const { name, query } of templating.list) {
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
    if (metric !== undefined) found.set(`variable '${name}'`, `${metric}{${label}="x"}`);
  }
  for (const [, name, text] of readFileSync(ALERTS, 'utf8').matchAll(/alert: (\w+)\s+expr: ([\s\S]*?)\n {8}\w+:/g))
    found.set(`alert ${name}`, (text ?? '').replace(/^\|\s*/, ''));
  return found;
}

describe('what watches the workers', () => {
  test('names only metrics and labels that a worker has', async (t) => {
    const queue = uniqueQueue(t);
    const worker = await startWorker(t, [
      '--queue',
      queue,
      '--http-port',
      '0',
      '--http-host',
      '127.0.0.1',
      '--log',
      'json',
      // so that one request fails by the worker's fault
      ...['--threads', '1', '--algorithm', 'recursive', '--max-run', '500ms'],
    ]);
    await runClient(t, ['--queue', queue, '-q', '1', '101', '50']);
    const [{ port } = {}] = worker.records('http');
    const families = parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    const byName = new Map<string, Family>();
    for (const [name, family] of families)
      for (const sample of [name, ...family.samples.map((one) => one.name)]) byName.set(sample, family);

    const all = expressions();
    assert.ok(all.size > 20, `${all.size} expressions`);
    for (const [where, expression] of all) {
      const { metrics, labels } = readExpression(expression);
      assert.ok(metrics.length > 0, `${where}: ${expression}`);
      const known = metrics.flatMap((name) => {
        const family = byName.get(name);
        assert.ok(family, `${where}: no worker has ${name}`);
        return family.samples.flatMap((sample) => Object.keys(sample.labels));
      });
      for (const label of labels) assert.ok([...known, ...added].includes(label), `${where}: no label ${label}`);
    }
  });

  test('can tell an unknown metric and an unknown label', () => {
    const { metrics, labels } = readExpression('sum by (a, b) (rate(x_total{c="1",d=~"2"}[5m])) / y_z > 0.05');
    assert.deepEqual(metrics, ['x_total', 'y_z']);
    assert.deepEqual(labels.sort(), ['a', 'b', 'c', 'd']);
  });

  test('alerts when it should, and not when it should not', (t) => {
    if (spawnSync('promtool', ['--version']).error) return t.skip('no promtool (Debian: apt-get install prometheus)');
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yaml'], {
      cwd: 'deploy/prometheus',
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  });
});
