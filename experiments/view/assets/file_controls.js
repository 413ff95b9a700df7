// What the person can change beside the sentence: the step of the training, and the factor of the dot products.

import { element, setAttribute, setText } from "./element.js";
import { trainedScale } from "./forward.js";
import { numberText, stepText } from "./numbers.js";

const REACH = 8; // the slider goes so many times below and above the trained factor and 1
const NEAR = 0.03; // of the slider's length: so near, it falls on the trained factor or on 1

export class FileControls {
  /** `act`: {step(t), scale(factor)}. */
  constructor(data, act) {
    Object.assign(this, { data, act });
    const trained = data.steps.map(({ model }) => trainedScale(model)).filter((factor) => factor > 0);
    this.range = [Math.log(Math.min(1, ...trained) / REACH), Math.log(Math.max(1, ...trained) * REACH)];
    this.stepPanel();
    this.scalePanel();
    this.node = element(
      "section",
      { class: "file-controls", "data-part": "changes", "aria-label": "What to change" },
      this.stepNode,
      this.scaleNode,
    );
  }

  stepPanel() {
    const { steps } = this.data;
    this.step = element("input", { type: "range", min: 0, max: steps.length - 1, step: 1, id: "step" });
    this.step.addEventListener("input", () => this.act.step(Number(this.step.value)));
    this.stepSaid = element("output", { for: "step" });
    const ticks = element("div", { class: "marks", "aria-hidden": "true" });
    steps.forEach(({ step }, t) => ticks.append(mark(stepText(step), steps.length > 1 ? t / (steps.length - 1) : 0)));
    const label = element("label", { for: "step" }, "Step of the training");
    this.stepNode = element(
      "div",
      { class: "change", hidden: steps.length < 2 },
      element("div", { class: "change-head" }, label, this.stepSaid),
      this.step,
      ticks,
    );
  }

  scalePanel() {
    this.on = element("input", { type: "checkbox", role: "switch" });
    this.on.addEventListener("change", () => this.act.scale(this.on.checked ? null : 1));
    this.scale = element("input", {
      type: "range",
      min: 0,
      max: 1,
      step: "any",
      "aria-label": "Factor of the dot products",
    });
    this.scale.addEventListener("input", () => this.drag(Number(this.scale.value)));
    this.scaleSaid = element("output", {});
    this.marks = [mark("trained", 0), mark("1, off", 0)];
    this.asTrained = element(
      "button",
      { type: "button", class: "small", onclick: () => this.act.scale(null) },
      "as trained",
    );
    const label = element("label", {}, this.on, "Scaling");
    this.scaleNode = element(
      "div",
      { class: "change" },
      element("div", { class: "change-head" }, label, this.scaleSaid, this.asTrained),
      this.scale,
      element("div", { class: "marks", "aria-hidden": "true" }, ...this.marks),
    );
  }

  place(factor) {
    const [low, high] = this.range;
    return Math.min(1, Math.max(0, (Math.log(factor) - low) / (high - low)));
  }

  drag(x) {
    const [low, high] = this.range;
    if (Math.abs(x - this.place(this.trained)) < NEAR && this.trained > 0) return this.act.scale(null);
    if (Math.abs(x - this.place(1)) < NEAR) return this.act.scale(1);
    return this.act.scale(Math.exp(low + x * (high - low)));
  }

  draw({ t, factor }, { step, scale, trained }) {
    this.trained = trained;
    this.step.value = t;
    setAttribute(this.step, "aria-valuetext", `step ${stepText(step)}, ${t + 1} of ${this.data.steps.length}`);
    setText(this.stepSaid, `step ${stepText(step)}`);
    this.scale.value = this.place(scale);
    const said = scaleSaid(factor, scale);
    setAttribute(this.scale, "aria-valuetext", said);
    setText(this.scaleSaid, said);
    this.on.checked = scale !== 1;
    this.on.disabled = trained === 1 && factor === null;
    this.asTrained.disabled = factor === null;
    put(this.marks[0], this.place(trained));
    put(this.marks[1], this.place(1));
    this.marks[1].hidden = Math.abs(this.place(trained) - this.place(1)) < 0.12;
  }
}

/** "x 0.25, as trained", "x 1, off", or "x 0.42". */
export function scaleSaid(factor, scale) {
  const number = `x ${numberText(scale, scale < 0.1 ? 3 : 2)}`;
  if (factor === null) return `${number}, as trained`;
  return factor === 1 ? "x 1, off" : number;
}

function mark(text, x) {
  const node = element("span", {}, text);
  put(node, x);
  return node;
}

/** At a place, 0 to 1, of a slider, whose thumb is 16 pixels wide. */
function put(node, x) {
  node.style.left = `calc(8px + ${x} * (100% - 16px))`;
  node.style.transform = `translateX(${-100 * Math.min(1, Math.max(0, (x - 0.06) * 1.14))}%)`;
}
