// Small maps beside each other: all heads, the exact relevance, and the seeds of a group; each chosen by a click.

import { relevanceColour, weightColour } from "./colours.js";
import { element } from "./element.js";

export class SmallMap {
  constructor(title, choose) {
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.caption = element("span", {}, title);
    const name = choose ? "button" : "div";
    this.node = element(name, { class: "small-map", ...(choose ? { type: "button", onclick: choose } : {}) }, this.canvas, this.caption);
  }

  /** Values [R, K], a few pixels each. */
  draw(values, rows, columns, colour = weightColour) {
    const side = Math.max(4, Math.min(14, Math.floor(150 / columns)));
    const [width, height] = [columns * side, rows * side];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    values.forEach((x, i) => {
      context.fillStyle = colour(x)[0];
      context.fillRect((i % columns) * side, Math.floor(i / columns) * side, side, side);
    });
  }

  choose(chosen) {
    this.node.setAttribute("aria-pressed", chosen);
  }
}

/** All heads of the sentence, and beside them the truth that they should come to resemble. */
export class Heads {
  constructor({ chooseHead, changed }) {
    Object.assign(this, { chooseHead, changed });
    this.node = element("div", { class: "small-maps", "data-part": "heads" });
  }

  open(map, maps) {
    this.map = map;
    this.maps = maps;
    this.small = maps.map((_, head) => new SmallMap(`head ${head + 1}`, () => this.chooseHead(head)));
    this.truth = new SmallMap("exact relevance");
    this.small.forEach((small, head) => small.choose(head === map.head));
    this.node.replaceChildren(...this.small.map(({ node }) => node), this.truth.node);
    this.truth.draw(map.exact, map.rows, map.columns, relevanceColour);
  }

  draw(frame) {
    this.wanted = frame.t;
    this.truth.draw(this.map.exact, this.map.rows, this.map.columns, relevanceColour);
    this.maps.forEach((map, head) => {
      const here = map.frame(frame.t);
      if (here) this.small[head].draw(here.weights, map.rows, map.columns);
      else this.later(map, head, frame.t);
    });
  }

  later(map, head, t) {
    const small = this.small;
    map.load(t).then(
      (frame) => this.small === small && this.wanted === t && frame && small[head].draw(frame.weights, map.rows, map.columns),
      () => {},
    );
  }
}
