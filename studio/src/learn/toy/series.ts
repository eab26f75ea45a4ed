const MOST_POINTS = 400;

/** A curve of means: when it has too many points, neighbours become one. */
export class Series {
  readonly points: number[] = [];
  /** The values behind each point. */
  #stride = 1;
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count += 1;
    if (this.#count < this.#stride) return;
    this.points.push(this.#sum / this.#count);
    this.#sum = this.#count = 0;
    if (this.points.length >= MOST_POINTS) this.#halve();
  }

  #halve(): void {
    for (let at = 0; at < this.points.length / 2; at++) {
      this.points[at] = ((this.points[2 * at] as number) + (this.points[2 * at + 1] as number)) / 2;
    }
    this.points.length = Math.floor(this.points.length / 2);
    this.#stride *= 2;
  }
}
