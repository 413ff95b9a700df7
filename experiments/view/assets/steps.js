// The axis of steps: logarithmic, as steps are recorded; step 0 is at its left end.

/** An axis from step 0 to `last`, 0 to 1. */
export function stepAxis(recorded, last) {
  const end = Math.log1p(Math.max(1, last));
  return {
    recorded,
    last,
    place: (step) => Math.log1p(step) / end,
    /** The number of the recorded step that is nearest to a place. */
    nearest(place) {
      const wanted = place * end;
      let low = 0;
      let high = recorded.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (Math.log1p(recorded[middle]) < wanted) low = middle + 1;
        else high = middle;
      }
      const before = Math.max(0, low - 1);
      const distance = (t) => Math.abs(Math.log1p(recorded[t]) - wanted);
      return distance(before) <= distance(low) ? before : low;
    },
    /** Steps to write at the axis: 0, 1, 10, 100, ... and the last. */
    ticks() {
      const powers = Array.from({ length: 9 }, (_, i) => 10 ** i).filter((step) => step * 3 < last);
      return [0, ...powers, last];
    },
  };
}

/** The number of the recorded step nearest to `step`. */
export function nearestStep(recorded, step) {
  return stepAxis(recorded, recorded[recorded.length - 1]).nearest(
    Math.log1p(Math.max(0, step)) / Math.log1p(Math.max(1, recorded[recorded.length - 1])),
  );
}
