// Counts beside the list: tiles, losses, nodes, domains, delays. Each count filters the list.

import { AT_RISK, STATUSES, age, byId, callMark, delay, element, fullTime, number, plural, setText, talked, timeOfDay, user } from "./dom.js";

const TILES = [
  ["reachable", "Reachable", { reachable: true }],
  ["on-the-phone", STATUSES["on-the-phone"], { status: "on-the-phone" }],
  ["ringing", STATUSES.ringing, { status: "ringing" }],
  ["held", STATUSES.held, { status: "held" }],
  ["suspect", "Suspect", { confidence: "suspect" }],
  ["stale", "Not known", { confidence: "stale" }],
  ["offline", STATUSES.offline, { status: "offline" }],
];
const CONDITIONS = {
  up: ["up", "It sends events."],
  uncertain: ["uncertain", "Events may have been lost; a listing follows."],
  stale: ["stale", "Events may have been lost, and no listing came: its users are not known."],
  unwatched: ["not watched", "Its producer was stopped: the state of the node is not known."],
  lost: ["lost", "No event came within its lease: its users are not reachable."],
  down: ["down", "It stopped."],
  unknown: ["–", "Nothing is known of it but its users."],
};

/** `on.filter(part)` filters by a part of a selection, `on.open(aor)` explains a user. */
export class Panels {
  #on;
  #tiles = new Map();
  #causes = {};

  constructor(on) {
    this.#on = on;
    for (const [name, title, filter] of TILES) {
      const value = element("span", { className: "value" }, "–");
      const note = element("span", { className: "note" });
      const button = element(
        "button",
        { type: "button", className: `tile ${name}`, "aria-pressed": "false", onclick: () => on.filter(filter) },
        element("span", { className: "label" }, element("span", { className: "shape", "aria-hidden": "true" }), title),
        value,
        note,
      );
      byId("tiles").append(button);
      this.#tiles.set(name, { button, value, note, filter });
    }
  }

  set causes(causes) {
    this.#causes = causes;
  }

  /** Mark the tiles that the selection filters by. */
  select(selection) {
    for (const { button, filter } of this.#tiles.values()) {
      const isPressed = Object.entries(filter).every(([key, value]) => selection[key] === value);
      button.setAttribute("aria-pressed", isPressed);
    }
  }

  show(summary) {
    const values = { ...summary.statuses, reachable: summary.reachable, suspect: summary.suspect, stale: summary.unknown };
    for (const [name, { value, note }] of this.#tiles) {
      setText(value, number(values[name] ?? 0));
      if (name === "reachable") setText(note, `of ${number(summary.users)}`);
    }
    document.title = `${number(summary.reachable)} reachable · Rollcall`;
    this.#showLosses(summary.losses, summary.now);
    this.#showCalls(summary.calls, summary.now);
    this.#showNodes(summary.nodes, summary.now);
    this.#showDomains(summary);
    this.#showDelays(summary.delay);
  }

  #showLosses({ causes, last }, now) {
    const total = causes.reduce((sum, one) => sum + one.count, 0);
    setText(byId("losses-total"), total ? plural(total, "loss", "losses") : "");
    const most = Math.max(1, ...causes.map((one) => one.count));
    fill(byId("causes"), causes, (one) => one.cause, ({ cause, count }) => {
      const bar = element("i", { className: "bar", "aria-hidden": "true" });
      bar.style.width = `${(count / most) * 100}%`;
      const title = this.#causes[cause] ?? cause;
      return element(
        "li",
        {},
        element("button", { type: "button", className: "line", title, onclick: () => this.#on.filter({ cause }) },
          element("span", { className: "name" }, cause.replaceAll("-", " ")), element("span", { className: "number" }, number(count))),
        bar,
      );
    });
    fill(byId("losses"), last.slice(0, 8), (one) => `${one.aor}/${one.at}`, ({ aor, cause, at, nodes }) => {
      const [name, domain] = user(aor);
      return element(
        "li",
        {},
        element("button", { type: "button", className: "line", onclick: () => this.#on.open(aor) },
          element("time", { dateTime: new Date(at * 1000).toISOString(), title: fullTime(at) }, timeOfDay(at)),
          element("span", { className: "name" }, element("b", {}, name), element("span", { className: "domain" }, domain)),
          element("span", { className: "why" }, `${this.#causes[cause] ?? cause}${nodes.length ? ` · ${nodes.join(", ")}` : ""}`)),
      );
    });
    if (!last.length) byId("losses").replaceChildren(element("li", { className: "none" }, "Nobody was lost within the hour."));
    void now;
  }

  #showCalls({ read, open, at_risk: atRisk, list }, now) {
    setText(byId("calls-total"), open ? `${number(open)}${atRisk ? `, ${number(atRisk)} at risk` : ""}` : "");
    fill(byId("calls"), list, (one) => one.id, (one) => {
      const opened = [one.calling, one.called].find((party) => party?.startsWith("sip:"));
      const length = one.answered === null ? "" : ` for ${talked(now - one.answered)}`;
      const line = [
        element("time", { dateTime: new Date(one.started * 1000).toISOString(), title: fullTime(one.started) }, timeOfDay(one.started)),
        element("span", { className: "name" }, ...party(one.calling), " → ", ...party(one.called)),
        element("span", { className: "why" }, callMark(one.state),
          // Before the nodes: a narrow panel cuts the end of the line.
          one.at_risk ? element("span", { className: "badge suspect", title: AT_RISK }, "at risk") : "",
          `${length} · ${one.nodes.join(", ")}`),
      ];
      return element("li", {}, opened
        ? element("button", { type: "button", className: "line", onclick: () => this.#on.open(opened) }, ...line)
        : element("div", { className: "line" }, ...line));
    });
    if (!list.length) byId("calls").replaceChildren(element("li", { className: "none" }, read ? "Nobody is in a call." : "Still reading."));
  }

  #showNodes(nodes, now) {
    setText(byId("nodes-total"), nodes.length ? number(nodes.length) : "");
    fill(byId("nodes"), nodes, (one) => one.node, (one) => {
      const [state, meaning] = CONDITIONS[one.condition];
      const heard = one.heard_at ? `Last heard ${age(now - one.heard_at)} ago; lost when its lease ends` : "Not heard";
      const lease = one.lease_ends_at ? `${Math.max(0, one.lease_ends_at - now).toFixed(0)} s` : "–";
      const version = [one.source, one.version].filter(Boolean).join(" ");
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, element("button", { type: "button", className: "link", title: version, onclick: () => this.#on.filter({ node: one.node }) }, one.node)),
        element("td", {}, element("span", { className: `condition ${one.condition}`, title: meaning },
          element("span", { className: "shape", "aria-hidden": "true" }), state)),
        element("td", { className: "number", title: heard }, lease),
        element("td", { className: "number" }, number(one.reachable), one.unknown ? element("span", { className: "badge stale" }, `${number(one.unknown)} not known`) : ""),
      );
    });
  }

  #showDomains({ domains, domains_total: total }) {
    setText(byId("domains-total"), total > domains.length ? `${domains.length} of ${number(total)}` : number(total));
    fill(byId("domains"), domains, (one) => one.domain, (one) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, element("button", { type: "button", className: "link", onclick: () => this.#on.filter({ domain: one.domain }) }, one.domain)),
        element("td", { className: "number" }, number(one.reachable)),
        element("td", { className: "number" }, number(one.users)),
      ));
  }

  #showDelays({ changes, cause, kafka }) {
    setText(byId("delay"), cause.p50 === null ? "–" : `${delay(cause.p50)} · p99 ${delay(cause.p99)}`);
    setText(byId("delay-total"), changes ? `${plural(changes, "change")} a minute` : "no change within a minute");
    fill(byId("delays"), [["the cause, by its node's clock", cause], ["Kafka", kafka]], (one) => one[0], ([from, of]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, from),
        element("td", { className: "number" }, delay(of.p50)),
        element("td", { className: "number" }, delay(of.p99)),
      ));
  }
}

/** A party of a call: an AOR, a number, or somebody whom this page may not show. */
function party(name) {
  if (name === null) return ["another party"];
  const [local, domain] = user(name);
  return [element("b", {}, local), element("span", { className: "domain" }, domain)];
}

/** The children of `place` for these values: those that look as before stay, with their focus. */
function fill(place, values, key, make) {
  const before = new Map([...place.children].map((child) => [child.dataset.key, child]));
  const children = values.map((value) => {
    const name = key(value);
    const text = JSON.stringify(value);
    const old = before.get(name);
    const made = make(value);
    made.dataset.key = name;
    made.dataset.value = text;
    if (!old) return made;
    if (old.innerText !== made.innerText || old.dataset.value !== text) {
      const hadFocus = old.contains(document.activeElement);
      old.replaceChildren(...made.childNodes);
      old.dataset.value = text;
      if (hadFocus) old.querySelector("button")?.focus();
    }
    return old;
  });
  const isSame = children.length === place.children.length && children.every((child, index) => child === place.children[index]);
  if (!isSame) place.replaceChildren(...children);
}
