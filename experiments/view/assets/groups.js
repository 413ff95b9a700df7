// Runs that differ by their seed only: their curves as median and band, and a small map each.

import { keepFocus } from "./focus.js";

const MOST = 24; // runs of a group that are read

/**
 * Reads the group of the shown run, and that of the run that it is compared with; they may come after the map.
 * `again`: those that still train are read anew.
 */
export async function openGroups(view, again = false) {
  const { map, run, axis, page } = view;
  const other = view.runs.find(({ name }) => view.state.compare === `run:${name}`);
  const names = [run.group, ...(other && other.group !== run.group ? [other.group] : [])];
  const groups = await Promise.all(names.map((group) => readGroup(view, group, again)));
  if (view.map !== map || view.run !== run) return;
  page.curves.open(run, axis, groups);
  keepFocus(view.root, () => page.seeds.open(map, groups[0].runs));
  view.schedule();
}

async function readGroup(view, group, again) {
  const whole = view.runs.filter((one) => one.group === group && !one.error);
  const shown = (one) => (one.name === view.run.name ? 0 : 1); // the shown run is always among them
  const members = whole.toSorted((a, b) => shown(a) - shown(b)).slice(0, MOST);
  const read = async ({ name, status }) => {
    if (name === view.run.name) return view.run;
    if (again && status === "running") view.library.renew(await view.source.run(name));
    return view.library.run(name);
  };
  const answers = await Promise.allSettled(members.map(read));
  const runs = answers.flatMap(({ status, value }) => (status === "fulfilled" && value.recorded.length ? [value] : []));
  const options = Object.entries(members[0]?.options ?? {}).map(([name, value]) => `${name} ${value}`);
  return { name: options.join(", ") || members[0]?.name, runs, of: whole.length };
}
