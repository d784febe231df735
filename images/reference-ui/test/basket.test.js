import assert from 'node:assert/strict';
import { test } from 'node:test';
import { change, lines, mistakes, MOST_OF_ONE, money, placeOrder, total } from '../src/lib/basket.js';

test('a product that is down to nothing leaves the basket', () => {
  assert.deepEqual(change({ coffee: 1 }, 'coffee', -1), {});
  assert.deepEqual(change({}, 'coffee', -1), {});
});

test('nobody can order more of a product than allowed', () => {
  assert.equal(change({ coffee: MOST_OF_ONE }, 'coffee', 1).coffee, MOST_OF_ONE);
});

test('a basket is changed by making another', () => {
  const before = { coffee: 1 };
  assert.deepEqual(change(before, 'coffee', 1), { coffee: 2 });
  assert.deepEqual(before, { coffee: 1 });
});

test('the total is the sum of the lines', () => {
  const basket = { coffee: 2, sourdough: 1 };
  assert.equal(total(basket), 2 * 890 + 480);
  assert.equal(lines(basket).length, 2);
  assert.equal(money(total(basket)), '€22.60');
});

test('a customer is told each mistake', () => {
  assert.deepEqual(Object.keys(mistakes({ name: ' ', email: 'ada' })), ['name', 'email']);
  assert.deepEqual(mistakes({ name: 'Ada', email: ' ada@example.com ' }), {});
});

test('an order names its products, counts and prices', () => {
  const command = placeOrder('7', { coffee: 2 }, { name: ' Ada ', email: 'ada@example.com' });
  assert.deepEqual(command, {
    id: '7',
    type: 'PlaceOrder',
    data: {
      customer: { name: 'Ada', email: 'ada@example.com' },
      lines: [{ product: 'coffee', count: 2, cents: 890 }],
      total_cents: 1780,
    },
  });
});
