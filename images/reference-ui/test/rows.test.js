import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuid } from '../src/lib/api.js';
import { readConfig } from '../src/lib/config.js';
import { ago, state, summary, takings, words } from '../src/lib/rows.js';

test('a type is told in words', () => {
  assert.equal(words('OrderPlaced'), 'Order placed');
  assert.equal(words('DiscountCodeApplied'), 'Discount code applied');
});

test('moments are told from now', () => {
  const now = new Date('2026-01-02T12:00:00Z');
  const said = (text) => ago(text, now);
  assert.equal(said('2026-01-02T11:59:58Z'), 'just now');
  assert.equal(said('2026-01-02T12:00:05Z'), 'just now');
  assert.equal(said('2026-01-02T11:59:20Z'), '40 s ago');
  assert.equal(said('2026-01-02T11:30:00Z'), '30 min ago');
  assert.equal(said('2026-01-02T01:30:00Z'), '10 h ago');
  assert.match(said('2025-12-24T12:00:00Z'), /2025/);
  assert.equal(said('soon'), 'at an unknown time');
});

test('an order is told by who and how much, anything else by its fields', () => {
  assert.equal(summary({ customer: { name: 'Ada' }, lines: [{ count: 2 }, { count: 1 }], total_cents: 500 }), 'Ada · 3 items · €5.00');
  assert.equal(summary({ lines: [{ count: 1 }] }), '1 item');
  assert.equal(summary({ shop: 'bakery', open: true, hours: {} }), 'shop: bakery · open: true');
  assert.equal(summary(null), '');
});

test('takings count placed orders only', () => {
  const events = [{ type: 'OrderPlaced', data: { total_cents: 100 } }, { type: 'OrderPlaced', data: {} }, { type: 'OrderCancelled', data: { total_cents: 9 } }];
  assert.deepEqual(takings(events), { orders: 2, cents: 100 });
});

test('a context is healthy, not ready or unreachable, and why', () => {
  const well = { ok: true, status: 200, body: {} };
  assert.equal(state(well, well).word, 'healthy');
  const broken = { ok: false, status: 503, body: { checks: { broker: 'connection refused', database: 'ok' } } };
  assert.deepEqual(state(well, broken).problems, ['broker: connection refused']);
  assert.equal(state({ ok: false, error: 'no connection' }, broken).word, 'unreachable');
  assert.deepEqual(state({ ok: false, status: 502 }, broken).problems, ['answered 502']);
});

test('a page is one of the three, else it says what is wrong', () => {
  assert.deepEqual(readConfig({ ui: 'shop', version: '1', calls: ['orders'] }), { ui: 'shop', version: '1', calls: ['orders'] });
  assert.throws(() => readConfig({ ui: 'stop' }), /"stop" is none of/);
  assert.throws(() => readConfig(null), /none of/);
});

test('ids are random UUIDs', () => {
  assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(uuid(), uuid());
});
