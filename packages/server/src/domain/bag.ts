/** Something in a bag, and where. */
export interface Entry<T> {
  readonly item: T;
  at: number;
}

/**
 * Items that come and go all the time, in no order. A `Set` would keep what was taken out of it: V8 leaves each outgrown
 * table behind with a pointer to the next one, so as soon as one of them is old, all that was ever added lives on until the
 * next full collection, which is then due every few seconds. Here nothing points to what has been removed.
 */
export class Bag<T> {
  private readonly entries: Entry<T>[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** Answers what remove() takes. */
  add(item: T): Entry<T> {
    const entry = { item, at: this.entries.length };
    this.entries.push(entry);
    return entry;
  }

  /** Nothing happens when it has been removed before. */
  remove(entry: Entry<T>): void {
    if (this.entries[entry.at] !== entry) return;
    const last = this.entries.pop();
    if (last && last !== entry) {
      this.entries[entry.at] = last;
      last.at = entry.at;
    }
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const { item } of this.entries) yield item;
  }
}
