// While a run trains, its new steps appear; a training that begins later is noticed. Nothing is asked while nobody can
// see it: a hidden page or frame draws no frames.

import { openGroups } from "./groups.js";

const EVERY = 2000; // milliseconds
const SELDOM = 10_000; // while nothing trains: a training may begin

export class Live {
  constructor(view) {
    this.view = view;
    addEventListener("focus", () => this.soon(0)); // a training may have been started meanwhile
  }

  /** Looks again after a while; only one look is waited for, or under way. */
  soon(delay = EVERY) {
    if (this.looking) return; // it will wait for the next itself
    clearTimeout(this.timer);
    this.timer = setTimeout(() => requestAnimationFrame(() => this.look()), delay);
  }

  async look() {
    if (this.looking) return;
    this.looking = true;
    const { view } = this;
    let delay = EVERY;
    try {
      const { runs, notes } = await view.source.runs();
      view.page.notices.tell("lost", "");
      view.page.notices.tellAll("note", notes);
      await this.compareWith(runs, view.list(runs));
      if (view.run && !runs.some(({ status }) => status === "running")) delay = SELDOM;
    } catch (error) {
      view.page.notices.tell("lost", error.message);
    }
    this.looking = false;
    this.soon(delay);
  }

  /** `changed`: whether the list is another one than at the last look. */
  async compareWith(runs, changed) {
    const { view } = this;
    const outdated = await view.library.outdated(runs);
    const answers = await Promise.allSettled(outdated.map(({ name }) => view.source.run(name)));
    outdated.forEach((old, i) => answers[i].value && renew(view, old, answers[i].value));
    const { run } = view;
    if (!run || view.state.run !== run.name || !view.library.runs.has(run.name)) return view.begin(runs);
    if (changed || outdated.length) refresh(view);
    const now = runs.find(({ name }) => name === run.name);
    const gone = `${run.name} is no longer in the log directory; what was loaded of it is still shown.`;
    view.page.notices.tell("gone", !now ? gone : (now.error ?? ""));
    const failed = answers.find(({ status }, i) => status === "rejected" && outdated[i].name === run.name);
    if (failed) throw failed.reason;
  }
}

/** A run that was read, whether A, B or another seed, is not any more what it was. */
function renew(view, old, fresh) {
  const { name } = fresh;
  if (!continues(old, fresh)) return anew(view, name);
  view.library.renew(fresh);
  for (const map of view.maps()) if (map.run.name === name) map.renew(fresh);
  if (view.run?.name === name) grown(view, fresh);
}

/** The shown run has more steps, or another state. */
function grown(view, fresh) {
  const { page, map } = view;
  view.run = fresh;
  view.measureAxis();
  page.player.open(view.axis, fresh.status);
  page.cell.grow(view.axis);
  page.plane.open(map, map.plane());
  if (view.state.follow) view.store.set({ t: fresh.recorded.length - 1 });
}

function anew(view, name) {
  view.library.forget(name);
  if (view.state.compare === `run:${name}`) view.compare.open();
  if (view.state.run !== name) return;
  view.openRun(name);
  view.page.notices.tell("anew", `${name} was begun anew, or goes on from an earlier step: it is read again.`, 20);
}

/** What shows several runs: the list to compare with, curves and small maps. */
function refresh(view) {
  view.compare.fill();
  if (view.map?.run === view.run) openGroups(view); // otherwise another run is on its way
  view.schedule();
}

/** Whether `fresh` is the same training, some steps later; its configuration may ask for more steps. */
function continues(old, fresh) {
  const same = (before, now) => before.every((x, i) => Object.is(x, now[i]));
  return (
    old.recorded.length <= fresh.recorded.length &&
    old.heads === fresh.heads &&
    same(old.recorded, fresh.recorded) &&
    same(old.loss.data, fresh.loss.data) &&
    same(old.excess.data, fresh.excess.data)
  );
}
