// Loss and excess over the training, on the slider's axis; of several seeds their median, and a band from lowest to
// highest.

import { Curve } from "./curve.js";
import { element, setText } from "./element.js";
import { numberText } from "./numbers.js";

export class TrainingCurves {
  constructor() {
    this.loss = new Curve({ label: "Loss over the steps of training", ends: true });
    this.excess = new Curve({
      label: "Excess over the steps of training, logarithmic",
      log: true,
      ends: true,
    });
    [this.ofLoss, this.ofExcess, this.ofGroups] = [1, 2, 3].map(() => element("p", { class: "caption" }));
    const boxes = [this.ofLoss, this.loss.node, this.ofExcess, this.excess.node, this.ofGroups];
    this.node = element("div", { class: "training-curves", "data-part": "curves" }, ...boxes);
  }

  /**
   * `groups`: [{name, runs}], runs that differ by their seed only; the first is that of `run`, the second is compared
   * with it.
   */
  open(run, axis, groups) {
    this.run = run;
    const recorded = groups.map(({ runs, ...rest }) => ({ ...rest, runs: runs.filter((one) => one.recorded.length > 0) }));
    const [first, second] = recorded;
    const many = recorded.filter(({ runs }) => runs.length > 1);
    const extra = [...(first.runs.length > 1 ? [first] : []), ...(second?.runs.length ? [second] : [])];
    const draw = (curve, own, of) => {
      const summaries = new Map(recorded.map((group) => [group, summary(group.runs, of)]));
      const medians = extra.map((group) => ({
        values: summaries.get(group).median,
        steps: longest(group.runs),
        className: group === first ? "median" : "other",
        name: group.name,
      }));
      const bands = many.map((group) => ({
        ...summaries.get(group),
        steps: longest(group.runs),
        className: group === first ? "" : "other",
      }));
      curve.draw(axis, [...own, ...medians], { bands });
    };
    this.means = { trained: meanExcess(run, "trained"), held: meanExcess(run, "held_out") };
    draw(this.loss, [{ values: run.loss.data, name: "loss" }], (one) => one.loss.data);
    const excess = [
      { values: this.means.trained, name: "excess, trained contexts" },
      { values: this.means.held, name: "excess, held-out contexts", className: "dashed" },
    ];
    draw(this.excess, excess, (one) => meanExcess(one, "trained"));
    setText(this.ofGroups, extra.map((group) => legend(group, group === first)).join(" "));
  }

  draw(t) {
    this.loss.mark(t);
    this.excess.mark(t);
    const loss = this.run.loss.data[t];
    const none = t === 0 && Number.isNaN(loss);
    const now = none ? "Loss: none before the first update" : `Loss ${numberText(loss, 3)} nats`;
    setText(this.ofLoss, `${now}; what a guess cost, on average since the record before.`);
    const [trained, held] = [this.means.trained, this.means.held].map((values) => numberText(values[t], 3));
    const meaning = "how far the guesses are from the exact answers; 0 is perfect, the height is logarithmic.";
    setText(this.ofExcess, `Excess ${trained} nats in trained contexts, ${held} in held-out ones (dashed): ${meaning}`);
  }
}

function legend({ name, runs, of }, own) {
  const line = own ? "Dotted" : `Orange, ${name}, trained contexts`;
  if (runs.length < 2) return `${line}: one run.`;
  const seeds = of > runs.length ? `${runs.length} of ${of} seeds` : `${runs.length} seeds`;
  return `${line}: median of ${seeds}, trained contexts; the band reaches from the lowest to the highest.`;
}

const longest = (runs) => runs.map(({ recorded }) => recorded).reduce((a, b) => (b.length > a.length ? b : a));

/** The mean over the slots of one kind of contexts, at each step. */
export const meanExcess = (run, kind) => run.mean_excess[kind].data;

/** Median, lowest and highest at each step of the longest run, of the runs that recorded it. */
export function summary(runs, of) {
  const series = runs.map((run) => {
    const values = of(run);
    return new Map(run.recorded.map((step, t) => [step, values[t]]));
  });
  const numbers = (step) => series.map((values) => values.get(step)).filter(Number.isFinite);
  const at = (runs.length ? longest(runs) : []).map((step) => numbers(step).sort((a, b) => a - b));
  const middle = (x) => (x.length ? (x[(x.length - 1) >> 1] + x[x.length >> 1]) / 2 : NaN);
  return { median: at.map(middle), low: at.map((x) => x[0] ?? NaN), high: at.map((x) => x[x.length - 1] ?? NaN) };
}
