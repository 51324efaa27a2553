// Order statistics of measurements.

/** By the nearest rank; 0.5 of an even count is the mean of the two in the middle. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (share === 0.5 && sorted.length % 2 === 0) {
    return (at(sorted, sorted.length / 2 - 1) + at(sorted, sorted.length / 2)) / 2;
  }
  return at(sorted, Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function at(sorted: readonly number[], index: number): number {
  const value = sorted[Math.max(0, index)];
  if (value === undefined) throw new RangeError("nothing was measured");
  return value;
}
