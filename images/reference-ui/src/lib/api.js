// Calls to the contexts' APIs. No function here throws: an answer is {ok, status, body} or {ok: false, error}.

const TIMEOUT_MS = 8000;

async function call(path, options = {}) {
  try {
    const response = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return { ok: response.ok, status: response.status, body: parse(text) };
  } catch (problem) {
    return { ok: false, error: problem.name === 'TimeoutError' ? 'no answer in time' : 'no connection' };
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const get = (path) => call(path);

export const post = (path, body) =>
  call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Runs `task` now and `seconds` after it ended, while the page is visible; returns how to stop it. */
export function poll(task, seconds) {
  let timer;
  let stopped = false;
  const turn = async () => {
    if (!document.hidden) await task();
    if (!stopped) timer = setTimeout(turn, seconds * 1000);
  };
  turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** A random UUID; crypto.randomUUID itself exists only on pages served over HTTPS. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
