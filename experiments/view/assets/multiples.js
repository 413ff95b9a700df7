// Small maps beside each other: all heads, the exact relevance, and the seeds of a group; each chosen by a click.

import { relevanceColour, weightColour } from "./colours.js";
import { element } from "./element.js";
import { HeadMap } from "./library.js";
import { nearestStep } from "./steps.js";

export class SmallMap {
  constructor(title, choose) {
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.caption = element("span", {}, title);
    const name = choose ? "button" : "div";
    this.node = element(
      name,
      { class: "small-map", ...(choose ? { type: "button", onclick: choose } : {}) },
      this.canvas,
      this.caption,
    );
  }

  /** Values [R, K], a pixel each, which the page enlarges. */
  draw(values, rows, columns, colour = weightColour) {
    const side = Math.max(2, Math.min(14, Math.floor(150 / columns)));
    if (this.canvas.width !== columns || this.canvas.height !== rows) {
      Object.assign(this.canvas, { width: columns, height: rows });
      Object.assign(this.canvas.style, { width: `${columns * side}px`, height: `${rows * side}px` });
    }
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    values.forEach((x, i) => image.data.set([...colour(x)[2], 255], 4 * i));
    context.putImageData(image, 0, 0);
  }

  choose(chosen) {
    this.node.setAttribute("aria-pressed", chosen);
  }
}

/** Several small maps that show one step; those that are not here yet follow. */
class Maps {
  constructor(part) {
    this.node = element("div", { class: "small-maps", "data-part": part });
    this.maps = [];
  }

  /** `timeOf(map)`: the number of the recorded step to show of a map. */
  drawAll(timeOf) {
    this.maps.forEach((map, i) => {
      const t = timeOf(map);
      this.small[i].wanted = t;
      const here = map.frame(t);
      if (here) this.small[i].draw(here.weights, map.rows, map.columns);
      else this.later(map, this.small[i], t);
    });
  }

  later(map, small, t) {
    map.load(t).then(
      (frame) => small.wanted === t && frame && small.draw(frame.weights, map.rows, map.columns),
      () => {}, // the large map tells what is wrong
    );
  }
}

/** All heads of the sentence, and beside them the truth that they should come to resemble. */
export class Heads extends Maps {
  constructor({ chooseHead }) {
    super("heads");
    this.chooseHead = chooseHead;
  }

  open(map, maps) {
    this.map = map;
    this.node.classList.toggle("rtl", map.direction === "rtl");
    this.maps = maps;
    this.small = maps.map((_, head) => new SmallMap(`head ${head + 1}`, () => this.chooseHead(head)));
    this.truth = new SmallMap("exact relevance");
    this.small.forEach((small, head) => small.choose(head === map.head));
    this.node.replaceChildren(...this.small.map(({ node }) => node), this.truth.node);
  }

  draw(frame) {
    this.truth.draw(this.map.exact, this.map.rows, this.map.columns, relevanceColour);
    this.drawAll(() => frame.t);
  }
}

/** The same head of the same sentence in runs that differ by their seed only. */
export class Seeds extends Maps {
  constructor(library, { chooseRun }) {
    super("seeds");
    Object.assign(this, { library, chooseRun, runs: [] });
  }

  open(map, runs) {
    this.runs = runs;
    const words = JSON.stringify(map.words);
    this.node.classList.toggle("rtl", map.direction === "rtl");
    const same = runs.filter(({ sentences }) => JSON.stringify(sentences[map.sentence]?.words) === words);
    const kept = this.map === map && same.length === this.maps.length;
    if (kept && same.every((run, i) => this.maps[i].run === run)) return; // they have grown in place
    this.map = map;
    this.maps = same.length > 1 ? same.map((run) => new HeadMap(this.library, run, map.sentence, map.head)) : [];
    this.small = this.maps.map(({ run }) => new SmallMap(`seed ${run.seed}`, () => this.chooseRun(run.name)));
    this.small.forEach((small, i) => small.choose(this.maps[i].run.name === map.run.name));
    this.node.replaceChildren(...this.small.map(({ node }) => node));
  }

  draw(frame) {
    this.drawAll(({ run }) => nearestStep(run.recorded, frame.step));
  }
}
