// How events are told to a person.
import { money } from './basket.js';

/** "OrderPlaced" as "Order placed". */
export function words(type) {
  const text = String(type).replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A moment as seen from now: "just now", "4 min ago", else date and time. */
export function ago(moment, now = new Date()) {
  const then = new Date(moment);
  const seconds = Math.round((now - then) / 1000);
  if (Number.isNaN(seconds)) return 'at an unknown time';
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' }).format(then);
}

/** An event's data in a few words: who and how much where it is known, else its own fields. */
export function summary(data) {
  if (!data || typeof data !== 'object') return '';
  const parts = [];
  if (data.customer?.name) parts.push(data.customer.name);
  if (Array.isArray(data.lines)) {
    const count = data.lines.reduce((sum, line) => sum + (line.count ?? 0), 0);
    parts.push(`${count} ${count === 1 ? 'item' : 'items'}`);
  }
  if (Number.isFinite(data.total_cents)) parts.push(money(data.total_cents));
  if (parts.length) return parts.join(' · ');
  return Object.entries(data)
    .filter(([, value]) => value === null || typeof value !== 'object')
    .slice(0, 4)
    .map(([key, value]) => `${key}: ${value}`)
    .join(' · ');
}

/** The takings and the number of orders among events. */
export function takings(events) {
  const placed = events.filter((event) => event.type === 'OrderPlaced');
  return { orders: placed.length, cents: placed.reduce((sum, event) => sum + (Number(event.data?.total_cents) || 0), 0) };
}

/** How a context does, from the answers about its version and its readiness: a word, a tone and what is wrong. */
export function state(version, ready) {
  if (!version.ok && !version.status) return { word: 'unreachable', tone: 'bad', problems: [version.error] };
  if (!version.ok) return { word: 'unreachable', tone: 'bad', problems: [version.body?.error ?? `answered ${version.status}`] };
  if (ready.ok) return { word: 'healthy', tone: 'good', problems: [] };
  const checks = Object.entries(ready.body?.checks ?? {}).filter(([, value]) => value !== 'ok');
  const problems = checks.map(([name, value]) => `${name}: ${value}`);
  return { word: 'not ready', tone: 'warn', problems: problems.length ? problems : [`answered ${ready.status}`] };
}
