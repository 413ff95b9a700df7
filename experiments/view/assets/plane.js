// Queries and keys of the sentence as points in one plane, which is the same at every step: the points move, the axes
// do not. Shared by the tab and the one-file page.

import { number, part } from "./arrays.js";
import { element, setAttribute, setText, shape } from "./element.js";
import { placeLabels } from "./labels.js";
import { colouringOf, colourings, KIND, pointColours } from "./point_colours.js";

const SAME_PLANE = "The plane is the same at all steps: the two directions that tell most at the last; the cross is 0.";
const LITTLE_SHARE = 50; // percent: below, angles in the plane say little
const PLANE_SIZE = 400;
const PLANE_MARGIN = 34;
const DIAMOND = "M0-7L7 0L0 7L-7 0Z";

export class Plane {
  /** `act`: {choose(row, word), colour(by)}. */
  constructor(act) {
    this.act = act;
    this.theme = "light";
    this.svg = shape("svg", {
      viewBox: `0 0 ${PLANE_SIZE} ${PLANE_SIZE}`,
      role: "img",
      "aria-label": "Queries and keys in one plane",
      class: "plane",
    });
    this.said = element("p", { class: "caption" });
    this.colour = element("select", { "data-choice": "colour" });
    this.colour.addEventListener("change", () => act.colour(this.colour.value));
    this.legend = element("ul", { class: "point-legend", "aria-label": "Colours" });
    const caption = element(
      "p",
      { class: "caption" },
      "Diamond: the query of a masked word, in the colour of that word. Circles: keys; at the chosen masked place ",
      "that of its blank. A query finds the words whose keys lie in its direction. Queries and keys are drawn equally large.",
    );
    this.node = element(
      "section",
      { "data-part": "plane" },
      element("h2", {}, "Queries and keys"),
      caption,
      element("p", { class: "point-colours" }, element("label", {}, "Colour by ", this.colour), this.legend),
      this.svg,
      this.said,
    );
  }

  /** A map whose points come later. */
  open(map, points) {
    this.map = map;
    this.data = null;
    points.then(
      (data) => this.map === map && this.build(map, data),
      () => {}, // the map's own request tells what is wrong
    );
  }

  /** `data`: {queries [S, R, 2], keys [S, K, 2], masked_keys [S, R, 2], share [S]}. */
  build(map, data) {
    Object.assign(this, { map, data, painted: null });
    const fill = (...arrays) => (PLANE_SIZE / 2 - PLANE_MARGIN) / (Math.max(...arrays.map(largestCoordinate)) || 1);
    this.scales = { query: fill(data.queries), key: fill(data.keys, data.masked_keys) };
    const axis = (d) => shape("path", { class: "zero", d });
    this.line = shape("line", { class: "plane-line" });
    this.keys = map.words.map((word, k) =>
      this.point("key", word, shape("circle", { r: 5 }), () => this.act.choose(null, k)),
    );
    this.queries = map.masked.map((k, row) =>
      this.point("query", map.words[k], shape("path", { d: DIAMOND }), () => this.act.choose(row, null)),
    );
    const axes = [axis(`M0 ${PLANE_SIZE / 2}H${PLANE_SIZE}`), axis(`M${PLANE_SIZE / 2} 0V${PLANE_SIZE}`)];
    this.svg.replaceChildren(...axes, this.line, ...this.keys, ...this.queries);
    const options = colourings(map.run).map(([value, text]) => element("option", { value }, text));
    this.colour.replaceChildren(...options);
    this.ready?.();
  }

  point(kind, word, mark, onclick) {
    const text = shape("text", {}, word);
    return shape("g", { class: `point ${kind}`, onclick }, mark, text, shape("title", {}, `${kind} of ${word}`));
  }

  draw(frame, { row, word, colour }) {
    const { data } = this;
    if (!data || frame.t >= data.queries.shape[0]) return;
    this.paint(colouringOf(this.map.run, colour));
    const places = (array, scale) => (i) =>
      [...part(array, frame.t, i).data].map((x, axis) => PLANE_SIZE / 2 + (axis ? -1 : 1) * scale * (x || 0));
    const query = places(data.queries, this.scales.query);
    const [ownKey, keyOfWord] = [data.masked_keys, data.keys].map((array) => places(array, this.scales.key));
    const own = this.map.masked[row];
    const key = (k) => (k === own ? ownKey(row) : keyOfWord(k)); // the query sees its own word masked
    this.keys.forEach((node, k) => setText(node.querySelector("text"), k === own ? this.map.blanks[row] : this.map.words[k]));
    this.queries.forEach((node, i) => this.move(node, query(i), i === row));
    this.keys.forEach((node, k) => this.move(node, key(k), k === word));
    const points = [...this.queries.map((node, i) => [node, query(i)]), ...this.keys.map((node, k) => [node, key(k)])];
    placeLabels(points, PLANE_SIZE);
    const [from, to] = [query(row), key(word)];
    Object.entries({ x1: from[0], y1: from[1], x2: to[0], y2: to[1] }).forEach(([name, x]) =>
      setAttribute(this.line, name, x.toFixed(1)),
    );
    const share = Math.round(100 * number(data.share, frame.t));
    const far = share < LITTLE_SHARE ? "too little to read angles from" : "what is near here may be far in other directions";
    setText(this.said, `${SAME_PLANE} It holds ${share} % of the squares of these vectors now: ${far}.`);
  }

  move(node, [x, y], chosen) {
    setAttribute(node, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    node.classList.toggle("chosen", chosen);
  }

  /** Colours every point by what its word is. */
  paint(by) {
    this.colour.value = by;
    if (this.painted === `${by} ${this.theme}`) return;
    this.painted = `${by} ${this.theme}`;
    const { map } = this;
    this.svg.classList.toggle("grouped", by !== KIND);
    const { of, legend } = by === KIND ? { of: () => "", legend: [] } : pointColours(map, by, this.theme);
    const fill = (node, k) => (node.firstChild.style.fill = of(map.tokens[k], k));
    this.keys.forEach((node, k) => fill(node, k));
    this.queries.forEach((node, row) => fill(node, map.masked[row]));
    const swatch = (background) => {
      const wide = background.startsWith("linear");
      const node = element("span", { class: wide ? "swatch wide" : "swatch", "aria-hidden": "true" });
      node.style.background = background;
      return node;
    };
    this.legend.replaceChildren(
      ...legend.map(([colour, text]) => element("li", {}, swatch(colour), element("bdi", {}, text))),
    );
  }

  /** Another theme has other colours. */
  recolour(theme) {
    this.theme = theme;
  }
}

const largestCoordinate = (array) =>
  array.data.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
