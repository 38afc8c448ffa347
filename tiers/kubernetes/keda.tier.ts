import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Keda } from './keda.ts';

const settings = {
  pollingInterval: 2,
  cooldownPeriod: 60,
  maxReplicaCount: 10,
  activationValue: 0,
  value: 5,
  stabilizationWindow: 60,
};

describe('the model of KEDA, on sequences worked out by hand', () => {
  test('wakes one worker at the first request, and only above the activation value', () => {
    const keda = new Keda(settings);
    assert.deepEqual([keda.poll(0, 0), keda.poll(2, 1)], [0, 1]);
    const later = new Keda({ ...settings, activationValue: 10 });
    assert.deepEqual([later.poll(0, 10), later.poll(2, 11)], [0, 1]);
  });

  test('wakes one worker only, however many requests wait: the rest is the autoscaler’s', () => {
    const keda = new Keda(settings);
    assert.equal(keda.poll(0, 1_000), 1);
    assert.equal(keda.poll(2, 1_000), 1);
  });

  test('ends the last worker when the cooldown has passed since the last request, and not before', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    assert.equal(keda.poll(60, 0), 1);
    assert.equal(keda.poll(62, 0), 0);
  });

  test('begins the cooldown anew at each poll that sees a request', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    keda.poll(50, 1);
    assert.equal(keda.poll(100, 0), 1);
    assert.equal(keda.poll(111, 0), 0);
  });

  test('ends all workers at once when the cooldown has passed, even those that the autoscaler keeps', () => {
    const keda = new Keda(settings);
    keda.poll(0, 20);
    keda.sync(15, 20);
    assert.equal(keda.replicas, 4);
    assert.equal(keda.poll(61, 0), 0);
  });

  test('scales to the requests divided by the target, rounded up, within the maximum', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    assert.equal(keda.sync(15, 6), 2);
    assert.equal(keda.sync(30, 21), 5);
    assert.equal(keda.sync(45, 1_000), 10);
  });

  test('adds in one period at most as many as there are, or four', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    assert.equal(keda.sync(15, 1_000), 5); // 1 + 4
    assert.equal(keda.sync(30, 1_000), 10); // twice 5
  });

  test('changes nothing within a tenth of the target', () => {
    const keda = new Keda({ ...settings, value: 20 });
    keda.poll(0, 1);
    assert.equal(keda.sync(15, 40), 2);
    assert.equal(keda.sync(30, 43), 2); // 1.075 times the target of two
    assert.equal(keda.sync(45, 45), 3);
  });

  test('scales down to the highest that it wanted within the stabilization window', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    keda.sync(15, 25); // 5
    keda.sync(30, 10); // 2, but 5 was wanted 15 s ago
    assert.equal(keda.replicas, 5);
    keda.sync(60, 15); // 3
    assert.equal(keda.replicas, 5);
    assert.equal(keda.sync(76, 5), 3); // 5 was wanted 61 s ago, 3 sixteen
    assert.equal(keda.sync(121, 5), 1);
  });

  test('never scales to zero by the autoscaler', () => {
    const keda = new Keda(settings);
    keda.poll(0, 1);
    assert.equal(keda.sync(1_000, 0), 1);
  });
});
