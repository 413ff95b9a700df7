// While a run trains, its new steps appear; a training that begins later is noticed. Nothing is asked while nobody can
// see it: a hidden page or frame draws no frames.

import { openGroups } from "./groups.js";

const EVERY = 2000; // milliseconds
const SELDOM = 10_000; // while nothing trains: a training may begin

export class Live {
  constructor(view) {
    this.view = view;
    this.waiting = false;
    addEventListener("focus", () => this.soon(0)); // a training may have been started meanwhile
  }

  /** Looks again after a while, if there is something to wait for. */
  soon(delay = EVERY) {
    if (this.waiting) return;
    this.waiting = true;
    setTimeout(() => requestAnimationFrame(() => this.look()), delay);
  }

  async look() {
    const { view } = this;
    try {
      const { runs, notes } = await view.source.runs();
      view.page.notices.tell("lost", "");
      view.page.notices.tellAll("note", notes);
      view.list(runs);
      await this.compareWith(runs);
      this.waiting = false;
      this.soon(runs.some(({ status }) => status === "running") || !view.run ? EVERY : SELDOM);
    } catch (error) {
      this.waiting = false;
      view.page.notices.tell("lost", error.message);
      this.soon();
    }
  }

  async compareWith(runs) {
    const { view } = this;
    const shown = view.run;
    if (!shown || view.state.run !== shown.name) return view.begin(runs);
    const now = runs.find(({ name }) => name === shown.name);
    const gone = `${shown.name} is no longer in the log directory; what was loaded of it is still shown.`;
    view.page.notices.tell("gone", !now ? gone : (now.error ?? ""));
    if (!now || now.error) return;
    if (now.identity !== shown.identity) return anew(view, shown);
    const last = shown.recorded[shown.recorded.length - 1];
    if (now.step === last && now.status === shown.status) return;
    const fresh = await view.source.run(shown.name);
    if (view.run === shown) grown(view, fresh);
  }
}

/** The shown run has more steps, or another state. */
function grown(view, fresh) {
  const { page, run, map, state } = view;
  if (!continues(run, fresh)) return anew(view, run);
  view.library.renew(fresh);
  view.run = fresh;
  for (const one of new Set([map, ...page.heads.maps])) one.renew(fresh);
  view.measureAxis();
  page.player.open(view.axis, fresh.status);
  page.cell.grow(view.axis);
  page.plane.open(map);
  openGroups(view, true);
  view.compare.open();
  if (state.follow) view.store.set({ t: fresh.recorded.length - 1 });
  view.schedule();
}

function anew(view, { name }) {
  view.library.forget(name);
  view.openRun(name);
  view.page.notices.tell("anew", `${name} was begun anew, or goes on from an earlier step: it is read again.`);
}

/** Whether `fresh` is the same run, some steps later. */
function continues(old, fresh) {
  return old.recorded.length <= fresh.recorded.length && old.recorded.every((step, t) => step === fresh.recorded[t]);
}
