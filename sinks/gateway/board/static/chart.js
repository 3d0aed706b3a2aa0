// Users reachable over time. What is not known is grey: of these users, or of everything then.

import { number, setText, timeOfDay } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 112;
const WHY = {
  "kafka-away": "not known: Kafka was away",
  starting: "not known: the gateway was still reading",
};

/** The chart in `place`; `readout` gets the value under the pointer, or now. */
export class Chart {
  #svg;
  #place;
  #readout;
  #history = null;
  #span = "hour";
  #pointed = null;

  constructor(place, readout) {
    this.#place = place;
    this.#readout = readout;
    this.#svg = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 16}`, role: "img" });
    place.append(this.#svg);
    place.addEventListener("pointermove", (event) => this.#point(event));
    place.addEventListener("pointerleave", () => this.#pointAt(null));
  }

  /** All samples: by span, [at, reachable, unknown, why]. */
  set history(history) {
    this.#history = history;
    this.draw();
  }

  /** The newest sample, if it is not there yet. */
  add(sample) {
    if (!this.#history || !sample) return;
    for (const { seconds, samples } of Object.values(this.#history)) {
      const last = samples.at(-1);
      if (!last || sample[0] >= last[0] + seconds) samples.push(sample);
    }
    this.draw();
  }

  set span(span) {
    this.#span = span;
    this.draw();
  }

  draw() {
    this.#place.closest(".panel").hidden = !this.#history;
    if (!this.#history) return;
    const { seconds, samples } = this.#history[this.#span];
    const length = this.#span === "hour" ? 3600 : 86400;
    const end = samples.at(-1)?.[0] ?? Date.now() / 1000;
    const shown = samples.filter((sample) => sample[0] > end - length);
    const most = Math.max(1, ...shown.map((sample) => sample[1]));
    const top = nice(most);
    const x = (at) => WIDTH - ((end - at) / length) * WIDTH;
    const y = (value) => HEIGHT - (value / top) * (HEIGHT - 14);
    const parts = [pattern()];
    for (const value of [0, top / 2, top]) {
      parts.push(svg("line", { class: "rule", x1: 0, x2: WIDTH, y1: y(value), y2: y(value) }));
    }
    const begin = shown.length ? x(shown[0][0]) : WIDTH;
    if (begin > 1) parts.push(unknownTime(0, begin));
    for (const run of runs(shown, seconds)) {
      const [from, to] = [x(run[0][0]), Math.min(WIDTH, x(run.at(-1)[0] + seconds))];
      if (run[0][3]) {
        parts.push(unknownTime(from, to));
        continue;
      }
      const points = [...run, [run.at(-1)[0] + seconds, ...run.at(-1).slice(1)]].map((sample) => [
        Math.min(WIDTH, x(sample[0])), y(sample[1] - sample[2]), y(sample[1]),
      ]);
      const line = (edge) => points.map((point) => `${point[0]},${point[edge]}`).join(" ");
      const back = (edge) => points.toReversed().map((point) => `${point[0]},${point[edge]}`).join(" ");
      parts.push(svg("polygon", { class: "sure", points: `${from},${HEIGHT} ${line(1)} ${to},${HEIGHT}` }));
      if (run.some((sample) => sample[2])) {
        parts.push(svg("polygon", { class: "unknown", points: `${line(2)} ${back(1)}` }));
      }
      parts.push(svg("polyline", { class: "edge", points: line(2) }));
    }
    if (begin > 150) parts.push(label(begin / 2, HEIGHT / 2 + 4, "before this gateway started", "middle"));
    parts.push(label(2, y(top) - 3, number(top), "start"));
    parts.push(label(0, HEIGHT + 13, this.#span === "hour" ? "1 hour ago" : "24 hours ago", "start"));
    parts.push(label(WIDTH, HEIGHT + 13, "now", "end"));
    this.#svg.replaceChildren(...parts);
    this.#describe(shown);
  }

  #describe(shown) {
    const known = shown.filter((sample) => !sample[3]);
    const counts = known.map((sample) => sample[1]);
    const text = counts.length
      ? `Reachable users over the last ${this.#span}: now ${number(counts.at(-1))}, between ` +
        `${number(Math.min(...counts))} and ${number(Math.max(...counts))}; ` +
        `${shown.length - known.length} of ${shown.length} samples not known.`
      : "Nothing is known yet.";
    this.#svg.setAttribute("aria-label", text);
    const sample = this.#pointed ?? shown.at(-1);
    setText(this.#readout, sample ? inWords(sample) : "");
  }

  #point(event) {
    const { samples, seconds } = this.#history?.[this.#span] ?? { samples: [] };
    if (!samples.length) return;
    const box = this.#svg.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const length = this.#span === "hour" ? 3600 : 86400;
    const at = samples.at(-1)[0] - (1 - share) * length;
    this.#pointAt(samples.find((one) => one[0] <= at && at < one[0] + seconds) ?? [at, 0, 0, "before"]);
  }

  #pointAt(sample) {
    this.#pointed = sample;
    this.draw();
  }
}

function inWords([at, reachable, unknown, why]) {
  const time = timeOfDay(at).slice(0, 5);
  if (why) return `${time} ${WHY[why] ?? "not known: before this gateway started"}`;
  return `${time} ${number(reachable)} reachable${unknown ? `, of them ${number(unknown)} not known` : ""}`;
}

/** Consecutive samples of which all, or none, is known. */
function runs(samples, seconds) {
  const found = [];
  for (const sample of samples) {
    const run = found.at(-1);
    const last = run?.at(-1);
    const follows = last && sample[0] - last[0] < 2.5 * seconds && !last[3] === !sample[3];
    if (follows) run.push(sample);
    else {
      if (last && sample[0] - last[0] >= 2.5 * seconds) found.push([[last[0] + seconds, 0, 0, "before"], [sample[0] - seconds, 0, 0, "before"]]);
      found.push([sample]);
    }
  }
  return found;
}

/** The next round number. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

const unknownTime = (from, to) =>
  svg("rect", { class: "away", x: from, y: 0, width: Math.max(0, to - from), height: HEIGHT });

function label(x, y, text, anchor) {
  const made = svg("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

function pattern() {
  const made = svg("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  made.append(svg("rect", { class: "hatch-ground", width: 6, height: 6 }), svg("line", { class: "hatch-line", x1: 0, y1: 0, x2: 0, y2: 6 }));
  const defs = svg("defs", {});
  defs.append(made);
  return defs;
}

function svg(name, attributes) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
