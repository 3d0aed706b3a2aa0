// Elements, and values as the page prints them. Text is always set as text: clients choose what
// stands in their names.

const integers = new Intl.NumberFormat("en");

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element; `properties` are set on it, `data-…` and `aria-…` and `role` as attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key in made && !key.startsWith("aria")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Set a text, if it is another one. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const number = (value) => integers.format(value);

export const plural = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** `12:03:07` of seconds since the epoch. */
export const timeOfDay = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);

/** `2026-01-31 12:03:07.123 UTC`. */
export const fullTime = (seconds) =>
  `${new Date(seconds * 1000).toISOString().replace("T", " ").replace("Z", "")} UTC`;

/** How long ago: `4 s`, `12 m`, `3 h 20 m`, `5 d`. */
export function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 10 && hours < 48) return `${hours} h`;
  if (hours < 10) return minutes % 60 ? `${hours} h ${minutes % 60} m` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** Milliseconds with a unit: `26 ms`, `1.4 s`. */
export function delay(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 120000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return age(milliseconds / 1000);
}

export const STATUSES = {
  online: "Online",
  "on-the-phone": "On the phone",
  ringing: "Ringing",
  held: "On hold",
  offline: "Offline",
};

/** Of each state of a call: its name, and the status whose shape it has. */
export const CALL_STATES = {
  trying: ["Trying", "ringing"],
  ringing: ["Ringing", "ringing"],
  early: ["Early media", "ringing"],
  answered: ["Answered", "on-the-phone"],
  held: ["On hold", "held"],
  ended: ["Ended", "offline"],
};
export const AT_RISK = "A connection or the media of this call is lost, and nobody has hung up";

export const CONFIDENCES = { sure: "sure", suspect: "suspect", stale: "not known" };

/** A status with its shape: never by colour alone. */
export function statusMark(status, ...more) {
  return element(
    "span",
    { className: `status ${status}` },
    element("span", { className: "shape", "aria-hidden": "true" }),
    STATUSES[status] ?? status,
    ...more,
  );
}

/** The state of a call, with its shape. */
export function callMark(state) {
  const [name, status] = CALL_STATES[state] ?? [state, "offline"];
  return element("span", { className: `status ${status}` }, element("span", { className: "shape", "aria-hidden": "true" }), name);
}

/** `2:05`: minutes and seconds. */
export function talked(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** An AOR without its scheme, the domain apart. */
export function user(aor) {
  const name = aor.replace(/^sips?:/, "");
  const at = name.lastIndexOf("@");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at)];
}
