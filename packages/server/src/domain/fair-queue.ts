/**
 * Items of several owners, taken in turns: one of the first owner, one of the next, and so on. Items of one owner keep
 * their order. So an owner with a thousand items makes another one wait for as many turns as there are owners.
 */
export class FairQueue<T> {
  /** In the order of their turns. An owner without items is not in it. */
  private readonly owners = new Map<string, { items: (T | undefined)[]; head: number }>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  push(owner: string, item: T): void {
    const queue = this.owners.get(owner);
    if (queue) queue.items.push(item);
    else this.owners.set(owner, { items: [item], head: 0 });
    this.count++;
  }

  /** The item that shift() will take. */
  peek(): T | undefined {
    const [first] = this.owners.values();
    return first?.items[first.head];
  }

  /** Takes the first item of the owner whose turn it is, and puts the owner behind the others. */
  shift(): T | undefined {
    const [first] = this.owners;
    if (!first) return undefined;
    const [owner, queue] = first;
    const item = queue.items[queue.head];
    // Nothing that has been taken is held on to.
    queue.items[queue.head++] = undefined;
    this.count--;
    const isEmpty = queue.head === queue.items.length;
    // With one owner alone, or none left, there are no turns to take.
    if (isEmpty) this.owners.delete(owner);
    else if (this.owners.size > 1) {
      this.owners.delete(owner);
      this.owners.set(owner, queue);
    }
    if (!isEmpty && queue.head >= COMPACTED_AT && queue.head * 2 >= queue.items.length) {
      queue.items.splice(0, queue.head);
      queue.head = 0;
    }
    return item;
  }
}

/** A queue that never empties gives back what it has left behind. */
const COMPACTED_AT = 1_024;
