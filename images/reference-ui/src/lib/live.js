// A websocket that is kept open: whether it is, is told as 'connecting', 'live' or 'lost'.

const BEAT_MS = 20_000;
const AGAIN_MS = [1000, 2000, 5000, 10_000, 30_000];

/** The websocket's address for a path on the page's own host. */
export function address(path, page) {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}${path}`;
}

/** How long to wait before try number `tries`, counted from 0. */
export const again = (tries) => AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)];

/**
 * Connects to `url`, says each change of state to `tell`, and connects again when it is lost; returns how to stop it.
 * The other side sends back what it is sent: a beat that does not come back before the next means that nobody is there.
 */
export function watch(url, tell, Socket = WebSocket) {
  let socket, timer, beats;
  let tries = 0;
  let stopped = false;
  const lost = (of) => {
    if (stopped || of !== socket) return;
    socket = null;
    clearInterval(beats);
    tell('lost');
    timer = setTimeout(connect, again(tries++));
  };
  const connect = () => {
    const current = (socket = new Socket(url));
    let waiting = false;
    current.onmessage = () => {
      if (current !== socket) return;
      if (!waiting) tell('live');
      waiting = false;
      tries = 0;
    };
    current.onclose = () => lost(current);
    beats = setInterval(() => {
      if (waiting || current.readyState !== 1) {
        current.close();
        lost(current);
      } else {
        waiting = true;
        current.send('beat');
      }
    }, BEAT_MS);
  };
  tell('connecting');
  connect();
  return () => {
    stopped = true;
    clearTimeout(timer);
    clearInterval(beats);
    socket?.close();
  };
}
