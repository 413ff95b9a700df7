// Loss and excess over the training, on the slider's axis; of several seeds their median, and a band from lowest to highest.

import { part } from "./arrays.js";
import { Curve } from "./curve.js";
import { element, setText } from "./element.js";
import { numberText } from "./numbers.js";

const KINDS = ["trained", "held_out"];

export class TrainingCurves {
  /** `track` is the player's slider, which stands between the two on the same axis. */
  constructor(track) {
    this.loss = new Curve({ label: "Loss over the steps of training" });
    this.excess = new Curve({ label: "Excess over the steps of training, logarithmic", log: true });
    this.said = { loss: element("p", { class: "caption" }), excess: element("p", { class: "caption" }) };
    const boxes = [this.said.loss, this.loss.node, this.said.excess, this.excess.node];
    this.node = element("div", { class: "training-curves" }, track, element("div", { "data-part": "curves" }, ...boxes));
  }

  /** `seeds`: the descriptions of all runs that differ from this one by their seed only, this one among them. */
  open(run, axis, seeds) {
    this.run = run;
    this.seeds = seeds.filter(({ recorded }) => recorded.length > 0);
    this.axis = axis;
    const all = this.seeds.map((seed) => [...seed.loss.data]);
    this.losses = summary(all.length > 1 ? all : [[...run.loss.data]]);
    const lines = [{ values: run.loss.data, name: "loss" }];
    this.loss.draw(axis, this.withMedian(lines, [this.losses]), { band: all.length > 1 ? this.losses : null });
    this.means = KINDS.map((kind) => meanExcess(run, kind));
    const others = KINDS.map((kind) => summary(this.seeds.map((seed) => meanExcess(seed, kind))));
    const excess = this.means.map((values, i) => ({ values, name: `excess, ${KINDS[i].replace("_", "-")} contexts` }));
    this.excess.draw(axis, this.withMedian(excess, others.slice(0, 1)), { band: all.length > 1 ? others[0] : null });
  }

  withMedian(lines, medians) {
    if (this.seeds.length < 2) return lines;
    return [...lines, ...(lines.length < 2 ? [{ values: [], name: "" }] : []), ...medians.map(({ median }) => ({ values: median, name: "median of the seeds" }))];
  }

  draw(t) {
    this.loss.mark(t);
    this.excess.mark(t);
    const many = this.seeds.length > 1 ? ` Dotted: median of ${this.seeds.length} seeds; band: lowest to highest.` : "";
    const loss = this.run.loss.data[t];
    const now = Number.isNaN(loss) ? "Loss: none before the first update" : `Loss ${numberText(loss, 3)} nats`;
    setText(this.said.loss, `${now}: what a guess costs, on average since the record before.${many}`);
    const [trained, held] = this.means.map((values) => numberText(values[t], 3));
    setText(
      this.said.excess,
      `Excess ${trained} nats in trained contexts, ${held} in held-out ones (dashed): how far the guesses are from the exact answers. 0 is perfect; the height is logarithmic.`,
    );
  }
}

/** The mean over the slots of one kind of contexts, at each step. */
function meanExcess(run, kind) {
  const groups = run.excess_groups.flatMap((name, g) => (name.startsWith(`${kind}/`) ? [g] : []));
  return run.recorded.map((_, t) => {
    const values = groups.map((g) => part(run.excess, t).data[g]).filter(Number.isFinite);
    return values.length ? values.reduce((a, b) => a + b, 0) / values.length : NaN;
  });
}

/** Median, lowest and highest at each step; runs that are not as far are left out there. */
function summary(series) {
  const steps = Math.max(...series.map((values) => values.length));
  const at = Array.from({ length: steps }, (_, t) => series.map((values) => values[t]).filter(Number.isFinite).sort((a, b) => a - b));
  const middle = (x) => (x.length ? (x[(x.length - 1) >> 1] + x[x.length >> 1]) / 2 : NaN);
  return { median: at.map(middle), low: at.map((x) => x[0] ?? NaN), high: at.map((x) => x[x.length - 1] ?? NaN) };
}
