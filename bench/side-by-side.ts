/** Works on all items, `most` of them at a time, in their order; the results are in that order too. */
export async function sideBySide<Item, Result>(
  items: readonly Item[],
  most: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const workThrough = async () => {
    for (const [index, item] of waiting) {
      results[index] = await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: most }, workThrough));
  return results;
}
