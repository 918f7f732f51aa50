/** Keeps what `make` made for the last `capacity` keys used. */
export class Lru<Value> {
  private readonly values = new Map<string, Value>();

  constructor(
    private readonly capacity: number,
    private readonly make: (key: string) => Value,
  ) {}

  /** What `make` gives for the key; its errors are passed on and not kept. */
  get(key: string): Value {
    const value = this.values.get(key) ?? this.make(key);
    // A Map iterates in order of insertion, so the first key is the one unused for longest.
    this.values.delete(key);
    this.values.set(key, value);
    this.trim();
    return value;
  }

  private trim(): void {
    const [oldest] = this.values.keys();
    if (this.values.size > this.capacity && oldest !== undefined) this.values.delete(oldest);
  }
}
