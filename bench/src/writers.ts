// Writers that each wait for their write before the next, for a time.

/** What writers did: writes, and the seconds that they took. */
export interface Written {
  readonly count: number;
  readonly seconds: number;
}

/** `write` gets numbers from `first` on, each once. */
export async function runWriters(
  writers: number,
  ms: number,
  first: number,
  write: (number: number) => unknown,
): Promise<Written> {
  let next = first;
  const startMs = performance.now();
  const endMs = startMs + ms;
  const run = async () => {
    while (performance.now() < endMs) await write(next++);
  };
  await Promise.all(Array.from({ length: writers }, run));
  return { count: next - first, seconds: (performance.now() - startMs) / 1000 };
}

/** As `runWriters`, and returns how long each write took, in ms. */
export async function timeWriters(
  writers: number,
  ms: number,
  first: number,
  write: (number: number) => unknown,
): Promise<number[]> {
  const times: number[] = [];
  await runWriters(writers, ms, first, async (number) => {
    const startMs = performance.now();
    await write(number);
    times.push(performance.now() - startMs);
  });
  return times;
}

/** Writes each number below `count` once, so many in flight at a time. */
export async function runEach(
  writers: number,
  count: number,
  write: (number: number) => unknown,
): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < count) await write(next++);
  };
  await Promise.all(Array.from({ length: writers }, run));
}
