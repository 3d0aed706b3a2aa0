// The page: what is selected and open, and which part shows which message of the gateway.

import { Chart } from "./chart.js";
import { Connection } from "./connection.js";
import { Details } from "./details.js";
import { STATUSES, byId, element, plural, setText, timeOfDay } from "./dom.js";
import { Panels } from "./panels.js";
import { SORTS, Users } from "./users.js";

const FILTERS = ["status", "reachable", "confidence", "cause", "domain", "node"];
const STATES = {
  connecting: "Connecting…",
  live: "Live",
  starting: "Starting",
  lost: "Not connected",
  login: "Signed out",
  away: "Kafka is away",
};
// A search waits for the answer to the one before, but not longer, in milliseconds.
const PATIENCE_MS = 500;

const selection = { search: "", sort: "user", descending: false };
let rowsWanted = { start: 0, count: 80 };
let id = 0;
let isAsking = false;
let isWaiting = false; // for rows of the selection
let summary = null;
let clockDifference = 0;
let state = "connecting";
let retryAt = 0;

const clock = () => Date.now() / 1000 + clockDifference;
const chart = new Chart(byId("chart"), byId("readout"));
const panels = new Panels({ filter, open: openUser });
const details = new Details({ close: closeUser });
const users = new Users({ window: showWindow, sort: sortBy, open: openUser });
const connection = new Connection({ frame: receive, state: setState });
users.clock = clock;
details.clock = clock;

// -- from the gateway -----------------------------------------------------------------------------
function receive(frame) {
  if (frame.hello) {
    users.causes = frame.hello.causes;
    panels.causes = frame.hello.causes;
    chart.history = frame.hello.history;
  }
  if (frame.summary) showSummary(frame.summary);
  if (frame.rows) showRows(frame.rows);
  if (frame.user) details.show(frame.user);
}

function showSummary(found) {
  summary = found;
  clockDifference = found.now - Date.now() / 1000;
  panels.show(found);
  document.body.dataset.domains = found.domains_total === 1 ? "one" : "many";
  chart.add(found.sample);
  if (state === "live" || state === "away") setState(found.kafka_away ? "away" : "live");
}

function showRows(rows) {
  users.show(rows, rows.id !== id);
  if (rows.id !== id) return;
  isWaiting = false;
  if (byId("search").value.trim() !== selection.search) search();
  if (!rows.total) users.empty = emptyText();
  const isAll = !selection.search && !FILTERS.some((name) => selection[name] !== undefined);
  const text = isAll ? plural(rows.total, "user") : `${plural(rows.total, "user")} found`;
  setText(byId("found"), text);
}

function emptyText() {
  const isAll = !selection.search && !FILTERS.some((name) => selection[name] !== undefined);
  if (isAll) {
    return [
      element("p", { className: "title" }, "No user yet"),
      element("p", {}, "A user is listed as soon as a SIP server reports its first registration."),
    ];
  }
  return [
    element("p", { className: "title" }, "No user found"),
    element("p", {}, "Searched are users, devices, nodes and edges."),
    element("button", { type: "button", className: "plain", onclick: clear }, "Clear search and filters"),
  ];
}

// What is typed while the gateway searches is searched next: one search at a time.
let searchedAt = 0;
let patience = 0;
function search() {
  clearTimeout(patience);
  const wait = isWaiting ? searchedAt + PATIENCE_MS - Date.now() : 0;
  if (wait > 0) {
    patience = setTimeout(search, wait);
    return;
  }
  const words = byId("search").value.trim();
  if (words === selection.search) return;
  searchedAt = Date.now();
  select({ search: words });
}

// -- to the gateway -------------------------------------------------------------------------------
function ask() {
  if (isAsking) return;
  isAsking = true;
  queueMicrotask(() => {
    isAsking = false;
    connection.ask({ id, selection, ...rowsWanted, user: details.aor });
  });
}

function showWindow(start, count) {
  rowsWanted = { start, count };
  ask();
}

function select(changes) {
  Object.assign(selection, changes);
  for (const name of FILTERS) if (selection[name] === null) delete selection[name];
  id += 1;
  rowsWanted = { start: 0, count: 80 };
  panels.select(selection);
  users.sorted(selection.sort, selection.descending);
  byId("sort").value = selection.sort;
  const direction = selection.descending ? "Descending" : "Ascending";
  byId("direction").setAttribute("aria-label", direction);
  byId("direction").title = direction;
  setText(byId("direction"), selection.descending ? "↓" : "↑");
  showFilters();
  users.reset();
  isWaiting = true;
  remember();
  ask();
}

/** Filter by a part of a selection; the same again takes the filter away. */
function filter(part) {
  const isOn = Object.entries(part).every(([key, value]) => selection[key] === value);
  const changes = {};
  if ("status" in part || "reachable" in part || "confidence" in part) {
    Object.assign(changes, { status: null, reachable: null, confidence: null });
  }
  for (const [key, value] of Object.entries(part)) changes[key] = isOn ? null : value;
  select(changes);
  showView("users");
}

function clear() {
  byId("search").value = "";
  select({ search: "", ...Object.fromEntries(FILTERS.map((name) => [name, null])) });
}

function sortBy(name) {
  const isSame = selection.sort === name;
  const isNewestFirst = ["since", "flaps", "devices", "confidence"].includes(name);
  select({ sort: name, descending: isSame ? !selection.descending : isNewestFirst });
}

function showFilters() {
  const names = { reachable: () => "Reachable", status: (v) => STATUSES[v] ?? v, confidence: (v) => (v === "stale" ? "Not known" : "Suspect") };
  const chips = FILTERS.filter((name) => selection[name] !== undefined).map((name) => {
    const value = selection[name];
    const text = names[name]?.(value) ?? `${name[0].toUpperCase()}${name.slice(1)}: ${String(value).replaceAll("-", name === "cause" ? " " : "-")}`;
    return element("button", { type: "button", className: "chip", "aria-label": `Remove the filter ${text}`, onclick: () => select({ [name]: null }) },
      text, element("span", { "aria-hidden": "true" }, " ✕"));
  });
  byId("filters").replaceChildren(...chips);
  byId("filters").hidden = !chips.length;
}

// -- one user -------------------------------------------------------------------------------------
function openUser(aor) {
  users.open = aor;
  details.open(aor);
  remember();
  ask();
}

function closeUser() {
  users.open = null;
  details.close();
  users.focus();
  remember();
  ask();
}

// -- the page's address: what is selected, to be bookmarked; never a token ------------------------
function remember() {
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(selection)) {
    if (value !== "" && value !== false && !(name === "sort" && value === "user")) kept.set(name, value);
  }
  if (details.aor) kept.set("user", details.aor);
  const text = kept.toString();
  history.replaceState(null, "", text ? `#${text}` : location.pathname);
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  const found = {};
  for (const name of ["search", "sort", ...FILTERS]) if (kept.has(name)) found[name] = kept.get(name);
  if ("reachable" in found) found.reachable = found.reachable === "true";
  if (!SORTS.some(([name]) => name === found.sort)) delete found.sort;
  if (kept.get("descending") === "true") found.descending = true;
  byId("search").value = found.search ?? "";
  const aor = kept.get("user");
  select(found);
  if (aor) openUser(aor);
}

// -- connection -----------------------------------------------------------------------------------
function setState(name, detail = "", pause = 0) {
  state = name;
  retryAt = Date.now() + pause;
  document.body.dataset.state = name;
  setText(byId("connection-text"), STATES[name]);
  byId("login").hidden = name !== "login" && !(name === "connecting" && !byId("login").hidden);
  byId("sign-out").hidden = !connection.hasToken || name !== "live";
  if (name === "login") {
    setText(byId("login-error"), detail);
    byId("token").focus();
  }
  drawBanner(detail);
}

let bannerDetail = "";
function drawBanner(detail = bannerDetail) {
  bannerDetail = detail;
  const texts = {
    lost: () => `${detail || "The gateway cannot be reached."} ${asOf()} Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s.`,
    starting: () => "The gateway is still reading the present state. The list comes by itself.",
    away: () => `The gateway cannot reach Kafka. ${asOf()}`,
  };
  const text = texts[state]?.() ?? "";
  const isShown = text !== "" && !(state === "connecting");
  byId("banner").hidden = !isShown;
  byId("retry").hidden = state !== "lost";
  setText(byId("banner-text"), text);
}

const asOf = () => (summary ? `What is shown is of ${timeOfDay(summary.now)} UTC.` : "");

// -- controls -------------------------------------------------------------------------------------
byId("sort").append(...SORTS.map(([name, title]) => element("option", { value: name }, title)));
byId("sort").addEventListener("change", (event) => sortBy(event.target.value));
byId("direction").addEventListener("click", () => select({ descending: !selection.descending }));
byId("search").addEventListener("input", search);
document.querySelector("form.tools").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    showView("users");
    byId("search").focus();
  } else if (event.key === "Escape" && !isTyping && details.aor) closeUser();
});
for (const button of document.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => {
    chart.span = button.dataset.span;
    press("[data-span]", button);
  });
}
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => showView(button.dataset.show));
}
byId("retry").addEventListener("click", () => connection.open());
byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = byId("token").value.trim();
  byId("token").value = "";
  setText(byId("login-error"), "");
  connection.signIn(token);
});
byId("sign-out").addEventListener("click", () => {
  connection.signOut();
  location.reload();
});

function showView(name) {
  document.body.dataset.view = name;
  press("[data-show]", document.querySelector(`[data-show="${name}"]`));
}

function press(group, pressed) {
  for (const button of document.querySelectorAll(group)) button.setAttribute("aria-pressed", button === pressed);
}

setInterval(() => {
  setText(byId("clock"), timeOfDay(clock()));
  if (state === "lost") drawBanner();
}, 250);
window.addEventListener("online", () => connection.open());
recall();
connection.open();
