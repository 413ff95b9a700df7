// A line over the steps of training, drawn in percent of its box, so that it fits any width; the present step is
// marked.

import { element, setText, shape } from "./element.js";
import { numberText } from "./numbers.js";

const HEIGHT = 100;
const WIDTH = 1000;

export class Curve {
  /** `log`: the height is logarithmic, for values that fall over powers of ten; `ends`: its ends bear their numbers. */
  constructor({ label, log = false, ends = false, className = "" }) {
    this.log = log;
    this.ends = ends ? ["highest", "lowest"].map((name) => element("span", { class: `end ${name}` })) : [];
    this.svg = shape("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    });
    this.marker = element("div", { class: "marker" });
    this.dot = element("div", { class: "dot" });
    this.node = element("div", { class: `curve ${className}` }, this.svg, this.marker, this.dot, ...this.ends);
  }

  /**
   * `lines`: [{values, name, className, steps}], steps those of the values if not the axis's; `bands`: [{low, high,
   * className, steps}];
   * `zero`: 0 is always in sight. The dot is on the first line.
   */
  draw(axis, lines, { bands = [], zero = false } = {}) {
    this.axis = axis;
    this.lines = lines;
    this.range = this.rangeOf(
      [...lines.map(({ values }) => values), ...bands.flatMap(({ low, high }) => [low, high])],
      zero,
    );
    const shapes = [...bands.map((band) => this.area(band)), ...lines.map((line) => this.path(line))];
    if (this.range && this.range[0] < 0 && this.range[1] > 0) {
      shapes.unshift(shape("path", { class: "zero", d: `M0 ${this.y(0)}H${WIDTH}` }));
    }
    this.svg.replaceChildren(...shapes);
    this.ends.forEach((end, i) => setText(end, this.range ? numberText(this.range[1 - i], 3) : ""));
  }

  rangeOf(series, zero) {
    let [low, high] = zero ? [0, 0] : [Infinity, -Infinity];
    for (const values of series) {
      for (const x of values) {
        if (!Number.isFinite(x) || (this.log && x <= 0)) continue;
        if (x < low) low = x;
        if (x > high) high = x;
      }
    }
    if (low > high) return null;
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  y(value) {
    const of = (x) => (this.log ? Math.log(Math.max(x, this.range[0])) : x);
    const [low, high] = [of(this.range[0]), of(this.range[1])];
    return HEIGHT - 4 - ((of(value) - low) / (high - low)) * (HEIGHT - 8);
  }

  point(values, t, steps = this.axis.recorded) {
    return `${(this.axis.place(steps[t]) * WIDTH).toFixed(1)} ${this.y(values[t]).toFixed(1)}`;
  }

  path({ values, name, className = "", steps = this.axis.recorded }) {
    let line = "";
    let drawing = false;
    const count = Math.min(values.length, steps.length); // of a run that grows either may be ahead
    for (let t = 0; t < count && this.range; t++) {
      const here = Number.isFinite(values[t]);
      if (here) line += `${drawing ? "L" : "M"}${this.point(values, t, steps)}`;
      drawing = here;
    }
    return shape("path", { class: `line ${className}`, d: line }, shape("title", {}, name));
  }

  area({ low, high, steps, className = "" }) {
    const there = [...low.keys()].filter(
      (t) => t < steps.length && Number.isFinite(low[t]) && Number.isFinite(high[t]),
    );
    const up = there.map((t) => this.point(high, t, steps));
    const back = there.reverse().map((t) => this.point(low, t, steps));
    return shape("path", { class: `band ${className}`, d: up.length ? `M${[...up, ...back].join("L")}Z` : "" });
  }

  /** Marks recorded step number t. */
  mark(t) {
    if (!this.axis || t >= this.axis.recorded.length) return;
    const left = `${this.axis.place(this.axis.recorded[t]) * 100}%`;
    const value = this.lines[0]?.values[t];
    this.marker.style.left = left;
    this.dot.hidden = !this.range || !Number.isFinite(value) || (this.log && value <= 0);
    if (this.dot.hidden) return;
    this.dot.style.left = left;
    this.dot.style.top = `${(this.y(value) / HEIGHT) * 100}%`;
  }
}
