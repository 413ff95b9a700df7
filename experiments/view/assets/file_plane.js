// Queries and keys of the page's sentence in one plane, at each of its steps: the same plane as the tab's
// (experiments/view/plane.py), of the vectors that the page computes.

import { dot, forward } from "./forward.js";
import { asRead } from "./file_forms.js";

const SWEEPS = 30; // of Jacobi's method; it converges within ten
const SMALL = 1e-24; // of the trace: what is left beside the diagonal then is rounding

/** What `Plane` draws, for one head; the plane is that of the last step. */
export function pointsOf(data, { tokens, place, head }) {
  const { steps } = data;
  const masked = asRead(data, tokens, place);
  const vectors = steps.map(({ model }) => {
    const { query, key } = forward(model, masked, place);
    return { queries: [query[head]], keys: key.map((heads) => heads[head]) };
  });
  const { queries, keys } = vectors[vectors.length - 1];
  const axes = planeOf(queries, keys);
  const onto = (rows) => rows.map((row) => axes.map((axis) => dot(row, axis)));
  const array = (of, rows) => ({
    shape: [steps.length, rows, 2],
    data: Float64Array.from(vectors.flatMap((one) => onto(of(one)).flat())),
  });
  return {
    queries: array((one) => one.queries, 1),
    keys: array((one) => one.keys, keys.length),
    masked_keys: array((one) => [one.keys[place]], 1),
    share: { shape: [steps.length], data: Float64Array.from(vectors.map((one) => shareHeld(one, axes))) },
  };
}

/** The two leading right singular vectors of the levelled vectors; the largest component of each is positive. */
export function planeOf(queries, keys) {
  const rows = [...levelled(queries), ...levelled(keys)];
  const { values, vectors } = symmetricEigen(rows.map((a) => rows.map((b) => dot(a, b))));
  const order = [...values.keys()].sort((i, j) => values[j] - values[i]).slice(0, 2);
  return [0, 1].map((n) => {
    const i = order[n];
    const axis = rows[0].map((_, d) => (i === undefined ? 0 : rows.reduce((sum, row, r) => sum + row[d] * vectors[r][i], 0)));
    const length = Math.sqrt(dot(axis, axis));
    const most = axis.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
    return axis.map((x) => (length > 0 ? x / (Math.sign(most) * length) : 0));
  });
}

function shareHeld({ queries, keys }, axes) {
  const rows = [...levelled(queries), ...levelled(keys)];
  const square = (row) => row.reduce((sum, x) => sum + x * x, 0);
  const add = (of) => rows.reduce((sum, row) => sum + of(row), 0);
  return add((row) => square(axes.map((axis) => dot(row, axis)))) / add(square);
}

/** Vectors divided by their root mean square length. */
function levelled(rows) {
  const size = Math.sqrt(rows.reduce((sum, row) => sum + dot(row, row), 0) / rows.length);
  return rows.map((row) => row.map((x) => x / (size || 1)));
}

/** Eigenvalues, and eigenvectors as columns, of a symmetric matrix, by Jacobi's rotations. */
function symmetricEigen(matrix) {
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  const enough = SMALL * a.reduce((sum, row, i) => sum + row[i], 0) ** 2;
  const beside = () => a.reduce((sum, row, i) => sum + row.slice(i + 1).reduce((s, x) => s + x * x, 0), 0);
  for (let sweep = 0; sweep < SWEEPS && beside() > enough; sweep++) {
    for (let p = 0; p < a.length; p++) for (let q = p + 1; q < a.length; q++) rotate(a, vectors, p, q);
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

/** Makes a[p][q] zero. */
function rotate(a, vectors, p, q) {
  if (a[p][q] === 0) return;
  const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const turn = (x, y) => [c * x - s * y, s * x + c * y];
  for (const row of a) [row[p], row[q]] = turn(row[p], row[q]);
  for (let k = 0; k < a.length; k++) [a[p][k], a[q][k]] = turn(a[p][k], a[q][k]);
  for (const row of vectors) [row[p], row[q]] = turn(row[p], row[q]);
}
