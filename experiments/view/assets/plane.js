// Queries and keys of the sentence as points in one plane, which is the same at every step: the points move, the axes
// do not.

import { number, part } from "./arrays.js";
import { element, setAttribute, setText, shape } from "./element.js";
import { placeLabels } from "./labels.js";

const PLANE = "The plane is the same at all steps: the two directions that tell most at the last; the cross is 0.";
const LITTLE = 50; // percent: below, angles in the plane say little
const SIZE = 400;
const MARGIN = 34;

export class Plane {
  constructor(library, { choose }) {
    Object.assign(this, { library, choose });
    this.svg = shape("svg", {
      viewBox: `0 0 ${SIZE} ${SIZE}`,
      role: "img",
      "aria-label": "Queries and keys in one plane",
      class: "plane",
    });
    this.said = element("p", { class: "caption" });
    const caption = element(
      "p",
      { class: "caption" },
      "Diamonds: queries of the masked words. Circles: keys; [ ] is that of the chosen masked place. A query finds ",
      "the words whose keys lie in its direction.",
    );
    this.node = element(
      "section",
      { "data-part": "plane" },
      element("h2", {}, "Queries and keys"),
      caption,
      this.svg,
      this.said,
    );
  }

  open(map) {
    this.map = map;
    this.data = null;
    this.library.plane(map.run, map.sentence, map.head).then(
      (data) => this.map === map && this.build(data),
      () => {}, // the map's own request tells what is wrong
    );
  }

  build(data) {
    const { map } = this;
    this.data = data;
    const largest = (array) =>
      array.data.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
    this.scale = (SIZE / 2 - MARGIN) / (Math.max(...[data.queries, data.keys, data.masked_keys].map(largest)) || 1);
    const axis = (d) => shape("path", { class: "zero", d });
    this.line = shape("line", { class: "plane-line" });
    this.keys = map.words.map((word, k) =>
      this.point("key", word, shape("circle", { r: 5 }), () => this.choose(null, k)),
    );
    this.queries = map.masked.map((k, row) =>
      this.point("query", map.words[k], shape("path", { d: "M0-7L7 0L0 7L-7 0Z" }), () => this.choose(row, null)),
    );
    this.svg.replaceChildren(
      axis(`M0 ${SIZE / 2}H${SIZE}`),
      axis(`M${SIZE / 2} 0V${SIZE}`),
      this.line,
      ...this.keys,
      ...this.queries,
    );
    this.ready?.();
  }

  point(kind, word, mark, onclick) {
    const text = shape("text", {}, word);
    return shape("g", { class: `point ${kind}`, onclick }, mark, text, shape("title", {}, `${kind} of ${word}`));
  }

  draw(frame, { row, word }) {
    const { data } = this;
    if (!data || frame.t >= data.queries.shape[0]) return;
    const places = (array) => (i) =>
      [...part(array, frame.t, i).data].map((x, axis) => SIZE / 2 + (axis ? -1 : 1) * this.scale * (x || 0));
    const [query, ownKey, keyOfWord] = [data.queries, data.masked_keys, data.keys].map(places);
    const own = this.map.masked[row];
    const key = (k) => (k === own ? ownKey(row) : keyOfWord(k)); // the query sees its own word masked
    this.keys.forEach((node, k) => setText(node.querySelector("text"), k === own ? "[ ]" : this.map.words[k]));
    this.queries.forEach((node, i) => this.move(node, query(i), i === row));
    this.keys.forEach((node, k) => this.move(node, key(k), k === word));
    const points = [...this.queries.map((node, i) => [node, query(i)]), ...this.keys.map((node, k) => [node, key(k)])];
    placeLabels(points);
    const [from, to] = [query(row), key(word)];
    Object.entries({ x1: from[0], y1: from[1], x2: to[0], y2: to[1] }).forEach(([name, x]) =>
      setAttribute(this.line, name, x.toFixed(1)),
    );
    const share = Math.round(100 * number(data.share, frame.t));
    const far = share < LITTLE ? "too little to read angles from" : "what is near here may be far in other directions";
    setText(this.said, `${PLANE} It holds ${share} % of the squares of these vectors now: ${far}.`);
  }

  move(node, [x, y], chosen) {
    setAttribute(node, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    node.classList.toggle("chosen", chosen);
  }
}
