/** Works on all items, `most` at a time; begins none after one has failed, and throws what the first one threw. */
export async function eachSideBySide<T>(
  items: readonly T[],
  most: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const waiting = items.entries();
  let failed: { error: unknown } | undefined;
  const workThrough = async () => {
    for (const [index, item] of waiting) {
      if (failed !== undefined) {
        return;
      }
      try {
        await work(item, index);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, workThrough));
  if (failed !== undefined) {
    throw failed.error;
  }
}
