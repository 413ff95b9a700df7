// The player: a slider over the recorded steps on a logarithmic axis, play and pause, single steps, speed.

import { element, setAttribute, setText } from "./element.js";
import { stepText } from "./numbers.js";

const DURATIONS = [4, 8, 20, 60, 180]; // seconds for the whole training

export class Player {
  /** `move(t)`: the person chose a step; `ready(t)`: whether a step can be drawn at once. */
  constructor(store, { move, ready }) {
    Object.assign(this, { store, move, ready });
    const button = (label, text, act) =>
      element("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    this.play = button("Play", "\u25b6", () => this.toggle());
    this.back = button("One step back", "\u2039", () => this.by(-1));
    this.forward = button("One step forward", "\u203a", () => this.by(1));
    this.slider = element("input", { type: "range", min: 0, max: 1, step: "any", "aria-label": "Step of training" });
    this.slider.addEventListener("input", () => this.drag());
    this.slider.addEventListener("change", () => this.show());
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.said = element("output", { class: "step" });
    this.status = element("span", { class: "status" });
    const options = DURATIONS.map((seconds) => element("option", { value: seconds }, `whole training in ${seconds} s`));
    this.speed = element("select", { "aria-label": "Speed" }, ...options);
    this.speed.addEventListener("change", () => {
      this.begin = null; // from here on at the new speed
      store.set({ duration: Number(this.speed.value) });
    });
    this.ticks = element("div", { class: "ticks", "aria-hidden": "true" });
    const buttons = element(
      "div",
      { class: "player-buttons" },
      this.back,
      this.play,
      this.forward,
      this.said,
      this.status,
      this.speed,
    );
    const track = element("div", { class: "track" }, this.slider, this.ticks);
    this.node = element("div", { class: "player", "data-part": "player" }, buttons, track);
  }

  open(axis, status) {
    this.axis = axis;
    const ticks = axis
      .ticks()
      .map((step) => element("span", { style: `left: ${axis.place(step) * 100}%` }, stepText(step)));
    this.ticks.replaceChildren(...ticks);
    const texts = {
      running: "training now",
      stopped: "stopped; --resume goes on with it",
      interrupted: "interrupted",
      diverged: "diverged",
    };
    setText(this.status, texts[status] ?? "");
  }

  draw() {
    const { playing, duration, t } = this.store.state;
    const label = playing ? "Pause" : "Play";
    setText(this.play, playing ? "\u275a\u275a" : "\u25b6");
    setAttribute(this.play, "aria-label", label);
    setAttribute(this.play, "title", label);
    this.speed.value = duration;
    this.show();
    const { recorded } = this.axis;
    setAttribute(
      this.slider,
      "aria-valuetext",
      `step ${stepText(recorded[t])}, ${t + 1} of ${recorded.length} recorded`,
    );
    setText(this.said, `step ${stepText(recorded[t])}`);
    setAttribute(this.back, "aria-disabled", t === 0);
    setAttribute(this.forward, "aria-disabled", t === recorded.length - 1);
  }

  show() {
    const place = this.axis.place(this.axis.recorded[this.store.state.t]);
    if (Number(this.slider.value) !== place) this.slider.value = place;
  }

  /** Playing goes on from where the slider was dragged to. */
  drag() {
    this.begin = null;
    this.move(this.axis.nearest(Number(this.slider.value)));
  }

  by(count) {
    const last = this.axis.recorded.length - 1;
    this.store.set({ playing: false });
    this.move(Math.min(last, Math.max(0, this.store.state.t + count)));
  }

  key(event) {
    const moves = {
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: 10,
      PageDown: -10,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.by(moves[event.key]);
  }

  toggle() {
    const { t, playing } = this.store.state;
    this.store.set({ playing: !playing });
    if (playing) return;
    if (t === this.axis.recorded.length - 1) this.move(0);
    this.begin = null;
    requestAnimationFrame((now) => this.tick(now));
  }

  /** Steps follow the clock; where one is not here yet, the clock waits for it. */
  tick(now) {
    const { state } = this.store;
    if (!state.playing) return;
    const last = this.axis.recorded.length - 1;
    const rate = (last + 1) / (state.duration * 1000);
    this.begin ??= now - state.t / rate;
    const goal = Math.min(last, Math.floor((now - this.begin) * rate));
    if (goal < state.t || !this.ready(goal)) this.begin = now - state.t / rate;
    else if (goal > state.t) this.move(goal);
    if (state.t === last) this.store.set({ playing: false });
    else requestAnimationFrame((later) => this.tick(later));
  }
}
