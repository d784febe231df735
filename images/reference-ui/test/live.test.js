import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { address, again, watch } from '../src/lib/live.js';

class Socket {
  static all = [];
  readyState = 1;
  sent = [];
  constructor(url) {
    this.url = url;
    Socket.all.push(this);
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.readyState = 3;
    this.closed = true;
  }
}

function start(t) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  t.after(() => mock.timers.reset());
  Socket.all = [];
  const told = [];
  const stop = watch('ws://x/api/orders/live', (state) => told.push(state), Socket);
  return { told, stop };
}

test('a websocket is on the page\'s own host and as safe as the page', () => {
  assert.equal(address('/api/orders/live', { protocol: 'https:', host: 'operator.example' }), 'wss://operator.example/api/orders/live');
  assert.equal(address('/x', { protocol: 'http:', host: '127.0.0.1:8080' }), 'ws://127.0.0.1:8080/x');
});

test('tries come less and less often, but never end', () => {
  assert.deepEqual([again(0), again(1), again(99)], [1000, 2000, 30_000]);
});

test('it is live once the other side has said something, and is tried again when lost', (t) => {
  const { told } = start(t);
  assert.deepEqual(told, ['connecting']);
  Socket.all[0].onmessage();
  Socket.all[0].onclose();
  assert.deepEqual(told, ['connecting', 'live', 'lost']);
  mock.timers.tick(999);
  assert.equal(Socket.all.length, 1);
  mock.timers.tick(1);
  Socket.all[1].onmessage();
  assert.equal(told.at(-1), 'live');
});

test('a beat that comes back keeps it live, one that does not ends it', (t) => {
  const { told } = start(t);
  const [socket] = Socket.all;
  socket.onmessage();
  mock.timers.tick(20_000);
  assert.deepEqual(socket.sent, ['beat']);
  socket.onmessage();
  mock.timers.tick(20_000);
  assert.deepEqual(told, ['connecting', 'live']);
  mock.timers.tick(20_000);
  assert.equal(socket.closed, true);
  assert.deepEqual(told, ['connecting', 'live', 'lost']);
  socket.onclose();
  assert.deepEqual(told, ['connecting', 'live', 'lost']);
});

test('once stopped it tells and tries nothing more', (t) => {
  const { told, stop } = start(t);
  stop();
  assert.equal(Socket.all[0].closed, true);
  Socket.all[0].onclose();
  mock.timers.tick(60_000);
  assert.deepEqual(told, ['connecting']);
  assert.equal(Socket.all.length, 1);
});
