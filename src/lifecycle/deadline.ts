/** Waits for the work, but no longer than so many milliseconds. @returns whether it was done by then */
export async function isDoneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms), false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What the work comes to, if it does so within so many milliseconds. Whatever it comes to later has no effect here.
 *
 * @param late makes the error for work that takes longer
 */
export async function within<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  if (await isDoneWithin(work, ms)) return work;
  throw late();
}
