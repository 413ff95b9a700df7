// Runs that differ by their seed only: their curves as median and band, and a small map each.

import { keepFocus } from "./focus.js";

const MOST = 24; // runs of a group that are read

/** Reads the group of the shown run, and that of the run that it is compared with; they may come after the map. */
export async function openGroups(view) {
  const { map, run, page } = view;
  const compared = view.hidden("compare") ? "" : view.state.compare;
  const other = view.runs.find(({ name }) => compared === `run:${name}`);
  const names = [run.group, ...(other && other.group !== run.group ? [other.group] : [])];
  const groups = await Promise.all(names.map((group) => readGroup(view, group)));
  if (view.map !== map || view.run !== run) return;
  page.curves.open(run, view.axis, groups);
  keepFocus(view.root, () => page.seeds.open(map, groups[0].runs));
  view.schedule();
}

async function readGroup(view, group) {
  const whole = view.runs.filter((one) => one.group === group && !one.error);
  const members = whole.slice(0, MOST);
  const shown = whole.findIndex(({ name }) => name === view.run.name);
  if (shown >= MOST) members[MOST - 1] = whole[shown]; // it is always among them
  const read = ({ name }) => (name === view.run.name ? view.run : view.library.run(name));
  const answers = await Promise.allSettled(members.map(read));
  const runs = answers.flatMap(({ status, value }) => (status === "fulfilled" && value.recorded.length ? [value] : []));
  const options = Object.entries(members[0]?.options ?? {}).map(([name, value]) => `${name} ${value}`);
  return { name: options.join(", ") || members[0]?.name, runs, of: whole.length };
}
