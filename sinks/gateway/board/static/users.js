// The list of users: only the rows in sight exist. The gateway sorts and filters, and sends the
// rows around those in sight again when they change.

import { CONFIDENCES, STATUSES, age, byId, element, fullTime, number, setText, statusMark, user } from "./dom.js";

// Rows asked for before and after those in sight.
const AROUND = 30;
// Browsers cannot make an element higher: beyond, the scroll bar's way is scaled.
const HIGHEST = 8_000_000;
// Rows that Page Up and Page Down keep in sight.
const KEPT = 1;

const COLUMNS = [
  ["user", "User"],
  ["status", "Status"],
  ["why", "Why"],
  ["since", "Since"],
  ["devices", "Devices"],
  ["node", "Node"],
  ["edge", "Edge"],
  ["confidence", "Confidence"],
  ["flaps", "Flaps"],
];
const HINTS = {
  since: "How long ago the last change was",
  flaps: "How often the user became unreachable within the last hour",
  confidence: "Whether it is sure that the user can be reached",
};

/** `on.window(start, count)` asks for rows, `on.sort(name)` sorts, `on.open(aor)` explains one. */
export class Users {
  #on;
  #grid = byId("grid");
  #space = byId("space");
  #empty = byId("empty");
  #rows = new Map(); // by index, the elements in sight
  #window = { start: 0, rows: [] };
  #sent = new Map(); // by AOR, the rows of the last message
  #asked = { start: 0, count: 0 };
  #total = null;
  #active = -1;
  #frame = 0;
  #isBusy = true; // no rows of this selection yet
  #versions = new Map();
  #causes = {};
  #clock = () => Date.now() / 1000;
  open = null;

  constructor(on) {
    this.#on = on;
    byId("head").append(
      ...COLUMNS.map(([name, title], index) =>
        element(
          "div",
          { className: `cell ${name}`, role: "columnheader", "aria-colindex": index + 1, "aria-sort": "none", title: HINTS[name] },
          element("button", { type: "button", className: "sorter", tabIndex: -1, onclick: () => on.sort(name) }, title),
        ),
      ),
    );
    this.#grid.setAttribute("aria-colcount", COLUMNS.length);
    this.#grid.addEventListener("scroll", () => this.#draw(), { passive: true });
    this.#grid.addEventListener("keydown", (event) => this.#key(event));
    this.#space.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.#draw()).observe(this.#grid);
    setInterval(() => this.#draw(), 1000);
  }

  set causes(causes) {
    this.#causes = causes;
  }

  /** Seconds since the epoch, by the gateway's clock. */
  set clock(clock) {
    this.#clock = clock;
  }

  /**
   * Rows from `start` on, of `total`. A text stands for a row that was in the message before, also
   * if that one answered an earlier request: with `isOld` they are remembered, and not shown.
   */
  show({ start, total, rows }, isOld) {
    const known = rows.map((row) => (typeof row === "string" ? this.#sent.get(row) : row));
    this.#sent = new Map(known.map((row) => [row.aor, row]));
    if (isOld) return;
    this.#window = { start, rows: known };
    this.#isBusy = false;
    this.#total = total;
    this.#grid.setAttribute("aria-rowcount", total + 1);
    if (this.#active >= total) this.#active = total - 1;
    this.#draw();
  }

  /** Another selection: begin at its top, with no rows yet. */
  reset() {
    this.#total = null;
    this.#window = { start: 0, rows: [] };
    this.#active = -1;
    this.#versions.clear();
    this.#grid.scrollTop = 0;
    this.#asked = { start: 0, count: 0 };
    this.#isBusy = true;
    this.#draw();
  }

  /** Show what the list has in place of rows: texts, or an element. */
  set empty(content) {
    this.#empty.replaceChildren(...content);
  }

  sorted(name, descending) {
    for (const head of byId("head").children) {
      const isIt = head.classList.contains(name);
      head.setAttribute("aria-sort", isIt ? (descending ? "descending" : "ascending") : "none");
    }
  }

  focus() {
    this.#grid.focus();
  }

  // -- drawing ------------------------------------------------------------------------------------
  #draw() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  #drawNow() {
    const height = this.#rowHeight;
    const total = this.#total ?? 12;
    const view = this.#grid.clientHeight - this.#headHeight;
    const whole = Math.min(HIGHEST, total * height);
    this.#space.style.height = `${whole}px`;
    const most = Math.max(1, whole - view);
    const share = Math.min(1, this.#grid.scrollTop / most);
    const first = share * Math.max(0, total - view / height);
    const from = Math.max(0, Math.floor(first) - 2);
    const to = Math.min(total, Math.ceil(first + view / height) + 2);
    for (const [index, row] of this.#rows) {
      if (index < from || index >= to) {
        row.element.remove();
        this.#rows.delete(index);
      }
    }
    for (let index = from; index < to; index += 1) {
      const row = this.#rows.get(index) ?? this.#add(index);
      row.element.style.transform = `translateY(${this.#grid.scrollTop + (index - first) * height}px)`;
      this.#fill(row, index);
    }
    this.#grid.setAttribute("aria-busy", this.#isBusy);
    this.#empty.hidden = this.#total !== 0;
    this.#space.hidden = this.#total === 0;
    if (this.#active >= 0) this.#grid.setAttribute("aria-activedescendant", `row-${this.#active}`);
    else this.#grid.removeAttribute("aria-activedescendant");
    this.#ask(Math.floor(first), Math.ceil(view / height));
  }

  #ask(first, count) {
    const { start, count: had } = this.#asked;
    const isNear = had && first >= start + (start ? AROUND / 3 : 0) && first + count <= start + had - AROUND / 3;
    if (isNear || (this.#total !== null && had && start + had >= this.#total && first >= start)) return;
    const from = Math.max(0, first - AROUND);
    this.#asked = { start: from, count: Math.min(200, count + 2 * AROUND) };
    this.#on.window(this.#asked.start, this.#asked.count);
  }

  #add(index) {
    const cells = Object.fromEntries(
      COLUMNS.map(([name], column) => [name, element("div", { className: `cell ${name}`, role: "gridcell", "aria-colindex": column + 1 })]),
    );
    const made = element("div", { className: "row", role: "row", id: `row-${index}`, "aria-rowindex": index + 2 }, ...Object.values(cells));
    this.#space.append(made);
    const row = { element: made, cells, shown: null };
    this.#rows.set(index, row);
    return row;
  }

  #fill(row, index) {
    const data = this.#window.rows[index - this.#window.start];
    row.element.classList.toggle("active", index === this.#active);
    row.element.classList.toggle("waiting", !data);
    row.element.classList.toggle("open", Boolean(data) && data.aor === this.open);
    if (data) setText(row.cells.since, age(this.#clock() - data.at));
    if (row.shown === data) return;
    row.shown = data;
    row.aor = data?.aor;
    if (!data) {
      for (const cell of Object.values(row.cells)) cell.replaceChildren();
      return;
    }
    const { cells } = row;
    const [name, domain] = user(data.aor);
    cells.user.replaceChildren(element("b", {}, name), element("span", { className: "domain" }, domain));
    cells.user.title = data.aor;
    cells.status.replaceChildren(statusMark(data.status));
    if (data.confidence !== "sure") cells.status.append(sign(data));
    cells.confidence.replaceChildren(data.reachable ? confidence(data) : "–");
    const why = this.#causes[data.cause] ?? data.cause;
    setText(cells.why, why);
    cells.why.title = `${why} (${data.cause})`;
    cells.since.title = fullTime(data.at);
    const named = (data.devices ?? []).filter(Boolean);
    const more = data.bindings - Math.min(1, named.length);
    cells.devices.replaceChildren(named[0] ?? (data.bindings ? "" : "–"));
    if (more > 0) cells.devices.append(element("span", { className: "more" }, named.length ? ` +${more}` : String(more)));
    cells.devices.title = named.join("\n");
    cells.node.replaceChildren(data.nodes.join(", ") || "–");
    if (data.edges.length) cells.node.append(element("span", { className: "via" }, ` via ${data.edges.join(", ")}`));
    setText(cells.edge, data.edges.join(", ") || "–");
    setText(cells.flaps, data.flaps ? number(data.flaps) : "–");
    cells.flaps.classList.toggle("many", data.flaps >= 3);
    const known = this.#versions.get(data.aor);
    this.#versions.set(data.aor, data.version);
    if (known !== undefined && known < data.version) {
      row.element.classList.remove("changed");
      void row.element.offsetWidth; // begin the animation anew
      row.element.classList.add("changed");
    } else row.element.classList.remove("changed");
    if (this.#versions.size > 5000) this.#versions.clear();
  }

  // -- keyboard and pointer -----------------------------------------------------------------------
  #key(event) {
    if (event.target !== this.#grid || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((this.#grid.clientHeight - this.#headHeight) / this.#rowHeight) - KEPT);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const total = this.#total ?? 0;
    if (event.key === "Enter" || event.key === " ") {
      const aor = this.#rows.get(this.#active)?.aor;
      if (aor) this.#on.open(aor);
    } else if (event.key in steps && total) {
      const from = this.#active < 0 ? (steps[event.key] > 0 ? -1 : 0) : this.#active;
      this.#active = Math.min(total - 1, Math.max(0, from + steps[event.key]));
      this.#reveal(this.#active);
    } else return;
    event.preventDefault();
  }

  #click(event) {
    const id = event.target.closest(".row")?.id;
    if (!id) return;
    this.#active = Number(id.slice(4));
    const aor = this.#rows.get(this.#active)?.aor;
    if (aor) this.#on.open(aor);
    this.#draw();
  }

  /** Scroll until the row is in sight. */
  #reveal(index) {
    const height = this.#rowHeight;
    const view = this.#grid.clientHeight - this.#headHeight;
    const whole = Math.min(HIGHEST, this.#total * height);
    const most = Math.max(0, whole - view);
    const firsts = Math.max(0.0001, this.#total - view / height);
    const first = (this.#grid.scrollTop / Math.max(1, most)) * firsts;
    let wanted = first;
    if (index < first) wanted = index;
    else if (index + 1 > first + view / height) wanted = index + 1 - view / height;
    if (wanted !== first) this.#grid.scrollTop = (wanted / firsts) * most;
    this.#draw();
  }

  get #rowHeight() {
    return parseFloat(getComputedStyle(this.#grid).getPropertyValue("--row")) || 34;
  }

  get #headHeight() {
    return byId("head").offsetHeight;
  }
}

function confidence(data) {
  return element("span", { className: `badge ${data.confidence}` }, CONFIDENCES[data.confidence]);
}

/** The same where there is no room for words. */
function sign(data) {
  return element(
    "span",
    { className: `badge sign ${data.confidence}`, title: CONFIDENCES[data.confidence] },
    element("span", { "aria-hidden": "true" }, data.confidence === "stale" ? "?" : "!"),
    element("span", { className: "hidden" }, CONFIDENCES[data.confidence]),
  );
}

export const SORTS = COLUMNS;
export { STATUSES };
