/** An item, which can be in one {@link List} at a time. */
export class ListItem<Item extends ListItem<Item>> {
  /** The list that it is in. */
  list: List<Item> | undefined;
  before: Item | undefined;
  after: Item | undefined;
}

/** Items in the order of their coming. To add one, to take one out, and to look at the first costs the same however many there are. */
export class List<Item extends ListItem<Item>> {
  #first: Item | undefined;
  #last: Item | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first;
  }

  /** Adds an item that is in no list. */
  add(item: Item): void {
    item.list = this;
    item.before = this.#last;
    if (this.#last) this.#last.after = item;
    else this.#first = item;
    this.#last = item;
    this.#size++;
  }

  /** Takes out an item that is in this list. */
  remove(item: Item): void {
    const { before, after } = item;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    item.list = item.before = item.after = undefined;
    this.#size--;
  }

  /** The items at this moment. */
  toArray(): Item[] {
    const items: Item[] = [];
    for (let item = this.#first; item; item = item.after) items.push(item);
    return items;
  }
}
