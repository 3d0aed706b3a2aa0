// Why one user is shown as it is: the record in words, its bindings and calls, its states before.

import { AT_RISK, CONFIDENCES, STATUSES, age, byId, callMark, element, fullTime, statusMark, talked, timeOfDay, user } from "./dom.js";

/** `on.close()` closes it. */
export class Details {
  #panel = byId("details");
  #body = byId("details-body");
  #title = byId("details-title");
  #clock = () => Date.now() / 1000;
  aor = null;

  constructor(on) {
    byId("details-close").addEventListener("click", () => on.close());
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") on.close();
    });
  }

  set clock(clock) {
    this.#clock = clock;
  }

  /** Open it for a user, before anything of the user is known. */
  open(aor) {
    this.aor = aor;
    const [name, domain] = user(aor);
    this.#title.replaceChildren(name, element("span", { className: "domain" }, domain));
    this.#body.replaceChildren(element("p", { className: "note" }, "Loading…"));
    this.#panel.hidden = false;
    document.body.dataset.details = "open";
    this.#title.focus();
  }

  close() {
    this.aor = null;
    this.#panel.hidden = true;
    delete document.body.dataset.details;
  }

  show({ aor, explanation }) {
    if (aor !== this.aor) return;
    if (explanation === null) {
      this.#body.replaceChildren(element("p", {}, `There is no record of ${aor} any more.`));
      return;
    }
    const { record, sentences, marks, states, call_records: calls, source } = explanation;
    const open = new Set([...this.#body.querySelectorAll("details[open]")].map((one) => one.dataset.key));
    this.#body.replaceChildren(
      element("p", { className: "headline" }, statusMark(record.status)),
      ...sentences.map((sentence) => element("p", {}, sentence)),
      ...section("Bindings", record.bindings, (binding, index) => this.#binding(binding, marks[index])),
      ...section("Calls", record.calls, (call) => this.#call(call)),
      ...section("Last calls", calls, (call) => this.#lastCall(call, aor, open)),
      ...section("Evidence", record.evidence, (id) => element("li", {}, element("code", {}, id))),
      ...section("Before", states, (state) => this.#state(state, open)),
      element("p", { className: "note" }, ...withCode(source)),
    );
  }

  #binding(binding, marks) {
    const since = Date.parse(binding.since) / 1000;
    return element(
      "li",
      {},
      element("p", { className: "title" }, element("b", {}, binding.node), binding.edge ? ` behind the edge ${binding.edge}` : ""),
      ...marks.map((mark) => element("p", { className: "mark" }, mark)),
      list([
        ["Device", binding.user_agent],
        ["Contact", binding.contact],
        ["Address", binding.remote ? `${address(binding.remote)}${binding.transport ? ` over ${binding.transport}` : ""}` : binding.transport],
        ["Path", binding.path],
        ["Registrar", binding.registrar],
        ["Since", `${fullTime(since)}, ${age(this.#clock() - since)} ago`],
      ]),
    );
  }

  #call(call) {
    const since = Date.parse(call.since) / 1000;
    const way = { incoming: "is called", outgoing: "calls" }[call.direction] ?? "in a call";
    return element(
      "li",
      {},
      element("p", { className: "title" }, element("b", {}, call.state), ` on ${call.node}: ${way}`),
      call.media_lost ? element("p", { className: "mark" }, "no media of this call is received") : "",
      list([
        ["Peer", call.peer],
        ["Call-ID", call.sip_call_id],
        ["Leg", call.leg],
        ["Since", `${fullTime(since)}, ${age(this.#clock() - since)} ago`],
      ]),
    );
  }

  #lastCall(call, aor, open) {
    const key = `call-${call.id}`;
    const seconds = (text) => (text ? Date.parse(text) / 1000 : null);
    const [started, answered, ended] = [call.started, call.answered, call.ended].map(seconds);
    const length = answered === null ? null : talked((ended ?? this.#clock()) - answered);
    const reason = [call.hung_up_by && `by the ${call.hung_up_by}`, call.cause ?? call.status_code].filter(Boolean).join(", ");
    return element(
      "li",
      {},
      element(
        "details",
        { "data-key": key, open: open.has(key) },
        element(
          "summary",
          {},
          element("time", { dateTime: call.started, title: fullTime(started) }, timeOfDay(started)),
          callMark(call.state),
          element("span", { className: "why" }, ` ${withWhom(call, aor)}`),
        ),
        list([
          ["Started", fullTime(started)],
          ["Talked", length],
          ["Ended", ended === null ? null : [fullTime(ended), reason].filter(Boolean).join(", ")],
          ["Nodes", call.nodes.join(", ")],
          ["Call", call.id],
        ]),
      ),
      call.at_risk ? element("p", { className: "mark" }, AT_RISK) : "",
    );
  }

  #state(state, open) {
    const key = String(state.version);
    const at = Date.parse(state.at) / 1000;
    const label = STATUSES[state.status] ?? state.status;
    const sure = state.confidence === "sure" ? "" : ` (${CONFIDENCES[state.confidence]})`;
    return element(
      "li",
      {},
      element(
        "details",
        { "data-key": key, open: open.has(key) },
        element(
          "summary",
          {},
          element("time", { dateTime: state.at, title: fullTime(at) }, timeOfDay(at)),
          statusMark(state.status),
          element("span", { className: "why" }, `${sure} ${state.because}`),
        ),
        list([
          ["State", `${label}${sure}, version ${state.version}`],
          ["Cause", `${state.because} (${state.cause})`],
          ["Happened", fullTime(at)],
          ["In Kafka", fullTime(Date.parse(state.written_at) / 1000)],
          ["Nodes", state.nodes.join(", ")],
          ["Evidence", state.evidence.join("\n")],
        ]),
      ),
    );
  }
}

/** The call as one of its users has it. */
function withWhom(call, aor) {
  const name = (party) => (party ? user(party).join("") : null);
  if (call.caller === aor) return `calls ${name(call.callee) ?? call.dialled ?? "another party"}`;
  const own = call.legs.find((leg) => leg.aor === aor && leg.peer);
  return `called by ${name(call.caller) ?? own?.peer ?? "another party"}`;
}

function section(title, items, make) {
  if (!items?.length) return [];
  return [element("h3", {}, title), element("ul", { className: "entries" }, ...items.map(make))];
}

/** A text in which `…` is code. */
function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function list(pairs) {
  return element(
    "dl",
    {},
    ...pairs.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function address({ ip, port }) {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}
