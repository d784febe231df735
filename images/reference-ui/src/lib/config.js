// What this user interface is, as its server tells: /config.json.

export const NAMES = ['shop', 'dashboard', 'operator'];

/** The settings of the page from what /config.json holds; raises an error that a person can read. */
export function readConfig(answer) {
  if (!NAMES.includes(answer?.ui)) {
    throw new Error(`"${answer?.ui ?? ''}" is none of the user interfaces ${NAMES.join(', ')}`);
  }
  return { ui: answer.ui, version: answer.version || 'unknown', calls: Array.isArray(answer.calls) ? answer.calls : [] };
}
