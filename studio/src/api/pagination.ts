/** All items of a list of the service, page after page. */
export async function allItems<Item>(
  page: (cursor: string | null) => Promise<{ items: Item[]; next?: string | null }>,
): Promise<{ items: Item[] }> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const answer: { items: Item[]; next?: string | null } = await page(cursor);
    items.push(...answer.items);
    cursor = answer.next ?? null;
  } while (cursor !== null);
  return { items };
}
