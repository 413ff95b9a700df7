// Colours of points by what words are: their form, class or slot, or their place in the sentence. The same as in the
// pictures of experiments/replay/plane_picture.py: Paul Tol's "muted" colours, two of them lighter on dark ground.

const GROUPS = {
  light: ["#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499"],
  dark: ["#CC6677", "#6A5ACF", "#DDCC77", "#2B9A52", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499"],
};
const OTHERS = { light: "#c3ccd4", dark: "#5d6875" };
const PLACES = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
const TEXTS = { form: "form", class: "class", slot: "slot", place: "place", kind: "query or key" };
export const KIND = "kind"; // no groups: a colour for queries, another for keys

/** By what points of a run can be coloured: [[value, text]]. */
export function colourings({ word_groups: groups }) {
  const known = ["form", "class", "slot"].filter((name) => groups?.[name]);
  return [...known, "place", KIND].map((name) => [name, TEXTS[name]]);
}

/** What is chosen, if the run has it; else form, or class, or the first that it has. */
export function colouringOf(run, wished) {
  const names = colourings(run).map(([name]) => name);
  if (names.includes(wished)) return wished;
  return ["form", "class", KIND].find((name) => names.includes(name));
}

/** The colours of words: {of(token, place): colour, legend: [[colour, text]], the words' own groups only}. */
export function pointColours({ run, tokens }, by, theme) {
  if (by === "place") {
    const last = Math.max(1, tokens.length - 1);
    return { of: (_, place) => onScale(place / last), legend: [[`linear-gradient(90deg, ${PLACES})`, "first place to last"]] };
  }
  const groups = run.word_groups[by];
  const order = [...new Set(groups)].filter(Boolean).slice(0, GROUPS.light.length);
  const colour = (group) => GROUPS[theme][order.indexOf(group)] ?? OTHERS[theme];
  const here = new Set(tokens.map((token) => groups[token]));
  const named = order.filter((group) => here.has(group));
  const rest = named.length < here.size ? [[OTHERS[theme], "other words"]] : [];
  return { of: (token) => colour(groups[token]), legend: [...named.map((group) => [colour(group), group]), ...rest] };
}

function onScale(x) {
  const at = x * (PLACES.length - 1);
  const left = Math.min(PLACES.length - 2, Math.floor(at));
  const [a, b] = [left, left + 1].map((i) => [1, 3, 5].map((k) => parseInt(PLACES[i].slice(k, k + 2), 16)));
  return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * (at - left))).join(" ")})`;
}
