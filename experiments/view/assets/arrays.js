// Arrays of float32 as the server sends them: {shape, float32: base64}. Letters: S steps, R masked words, K words, D
// components.

/** The same JSON with every array decoded to {shape, data: Float32Array}. */
export function decoded(value) {
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.float32 === "string") return { shape: value.shape, data: floats(value.float32) };
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decoded(item)]));
}

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer); // little-endian, as every browser's machine is
}

/** part(array, 3): array[3], a view of the same memory. */
export function part(array, ...index) {
  let { shape, data } = array;
  for (const i of index) {
    const size = shape.slice(1).reduce((a, b) => a * b, 1);
    data = data.subarray(i * size, (i + 1) * size);
    shape = shape.slice(1);
  }
  return { shape, data };
}

/** number(array, 3, 1): one number. */
export function number(array, ...index) {
  return part(array, ...index).data[0];
}

/** One array of several, along their first axis. */
export function joined(arrays) {
  const shape = [arrays.reduce((sum, array) => sum + array.shape[0], 0), ...arrays[0].shape.slice(1)];
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let start = 0;
  for (const array of arrays) {
    data.set(array.data, start);
    start += array.data.length;
  }
  return { shape, data };
}
