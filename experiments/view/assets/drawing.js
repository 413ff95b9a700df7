// How a view is built for a sentence and a head, and drawn at a step: every part in turn, in place.

import { setText } from "./element.js";
import { openGroups } from "./groups.js";
import { HeadMap } from "./library.js";
import { SentenceMap } from "./map.js";
import { weightText } from "./numbers.js";

const OF_THE_SENTENCE = ["strip", "terms", "guess", "ledger", "words"];
const OF_THE_STEP = ["strip", "heads", "seeds", "cell", "guess", "plane", "words"];

/** The parts for another run, sentence or head. */
export function build(view) {
  const { page, map, run, library } = view;
  page.body.hidden = false;
  view.measureAxis();
  view.grid = new SentenceMap(map, `Attention weights of head ${map.head + 1}`, view.actions());
  page.map.replaceChildren(view.grid.node);
  const mapOf = (head) => (head === map.head ? map : new HeadMap(library, run, map.sentence, head));
  page.heads.open(
    map,
    Array.from({ length: run.heads }, (_, head) => mapOf(head)),
  );
  for (const name of OF_THE_SENTENCE) page[name].open(map);
  page.plane.open(map, map.plane());
  page.cell.open(map, view.axis);
  page.player.open(view.axis, run.status);
  page.curves.open(run, view.axis, [{ name: run.name, runs: [run] }]);
  const { runs } = page.seeds; // those of the same group stand at once, and keep the focus
  page.seeds.open(map, runs.some(({ name }) => name === run.name) ? runs : []);
  setText(page.expect, expectation(map));
  view.compare.open();
  openGroups(view);
}

function expectation({ columns, run }) {
  const mean = run.sink ? "" : `, ${weightText(1 / columns)} each on average`;
  const unscaled = run.scale.includes("no scale") ? ": without a scale one word may get nearly all" : "";
  const heads = run.heads > 1 ? "of all heads together " : "";
  return (
    `What to expect: before training the weights are a matter of chance${mean}${unscaled}. Training should move the ` +
    `weight ${heads}into the framed cells: press play, or stop midway, where it is still shared. A large weight ` +
    "alone proves nothing: compare it with the evidence and the exact relevance below it."
  );
}

/** Everything at the present step; what is not here yet is drawn when it comes. */
export function draw(view) {
  const { page, map, state, run } = view;
  const t = Math.min(state.t, run.recorded.length - 1);
  page.controls.draw();
  page.player.draw();
  page.curves.draw(t);
  if (view.opening !== map) return drawOpening(view); // row and word may be those of the map to come
  const frame = map.frame(t);
  page.body.classList.toggle("waiting", !frame);
  if (!frame) return drawLater(view, t);
  page.notices.tell("error", "");
  view.grid.update(frame.weights);
  view.grid.mark(state.row, state.word, state.lookRow ?? state.row);
  for (const name of OF_THE_STEP) page[name].draw(frame, state);
  drawVectors(view, frame);
  view.compare.draw(frame, state);
  map.prefetch(t);
  view.remember();
}

function drawOpening(view) {
  view.page.body.classList.add("waiting");
  if (!view.opening) view.openMap();
}

function drawLater(view, t) {
  const { map, page } = view;
  map.load(t).then(
    () => view.map === map && view.schedule(),
    (error) => view.map === map && page.notices.tell("error", error.message),
  );
}

function drawVectors(view, frame) {
  const { page, map, state, library } = view;
  const chunks = library.vectors(map.run, map.sentence, map.head, state.row);
  const vectors = chunks.at(frame.t);
  page.terms.draw(frame, state, vectors);
  page.ledger.draw(frame, state, vectors);
  if (vectors) return chunks.prefetch(frame.t);
  const nothing = () => {}; // the map's own request tells what is wrong
  return chunks.load(frame.t).then(() => view.schedule(), nothing);
}
