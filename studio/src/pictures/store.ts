import type { LatentRef } from "./latent";

type Listener<Picture> = (picture: Picture | null) => void;

interface Options<Picture> {
  /** Makes the pictures of the latents, in their order, in one request. */
  fetchBatch: (refs: LatentRef[]) => Promise<Picture[]>;
  /** Frees a picture that is no longer kept. */
  release?: (picture: Picture) => void;
  batchSize: number;
  concurrency: number;
  /** The most pictures that are kept while nothing shows them. */
  limit: number;
  /** Seconds to wait after a failed request, by the number of failures; null: give up. */
  retryDelay?: (failures: number, error: unknown) => number | null;
  /** Whether a request failed because of one of its latents, so that the others can be made. */
  isOfOneLatent?: (error: unknown) => boolean;
}

/**
 * Pictures by latent. Wanted pictures are requested in batches, the latest wanted first: while one
 * scrolls, what is visible now precedes what was visible before. A picture that is no longer wanted
 * before its batch is sent is never requested.
 */
export class PictureStore<Picture> {
  private readonly kept = new Map<LatentRef, Picture>(); // least recently used first
  private readonly waiting = new Map<LatentRef, number>(); // with the number of the pump after it
  private readonly listeners = new Map<LatentRef, Set<Listener<Picture>>>();
  private active = 0;
  private failures = 0;
  private scheduled = false;
  private pumps = 0;

  private readonly watchers = new Set<() => void>();
  private lastFailure: unknown = null;

  constructor(private readonly options: Options<Picture>) {}

  /** Why no picture can be made at present, whatever its latent is; null: pictures can be made. */
  readonly failure = (): unknown => this.lastFailure;

  /** Calls `watcher` whenever `failure` changes. Returns the function that ends this. */
  readonly watchFailure = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  get(ref: LatentRef): Picture | undefined {
    return this.kept.get(ref);
  }

  /** Calls `listener` with the picture once it is there, at once if it is, or with null if it
   * cannot be made. Returns the function that ends the wish. */
  want(ref: LatentRef, listener: Listener<Picture>): () => void {
    const listeners = this.listeners.get(ref) ?? new Set();
    this.listeners.set(ref, listeners);
    listeners.add(listener);
    const picture = this.kept.get(ref);
    if (picture !== undefined) {
      this.touch(ref, picture);
      listener(picture);
    } else if (!this.requested.has(ref)) {
      this.waiting.set(ref, this.pumps);
      this.schedule();
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.listeners.delete(ref);
      this.waiting.delete(ref);
    };
  }

  /** Forgets every picture, and what is waiting. */
  clear(): void {
    for (const picture of this.kept.values()) this.options.release?.(picture);
    this.kept.clear();
    this.waiting.clear();
  }

  private readonly requested = new Set<LatentRef>();

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  private pump(): void {
    this.pumps += 1;
    while (this.active < this.options.concurrency && this.waiting.size > 0) {
      // Those of one screen were wanted at once and keep their order; a later screen precedes them.
      const latestFirst = [...this.waiting].sort(([, one], [, other]) => other - one);
      const refs = latestFirst.slice(0, this.options.batchSize).map(([ref]) => ref);
      for (const ref of refs) {
        this.waiting.delete(ref);
        this.requested.add(ref);
      }
      void this.load(refs);
    }
  }

  private async load(refs: LatentRef[]): Promise<void> {
    this.active += 1;
    try {
      await this.request(refs);
    } finally {
      for (const ref of refs) this.requested.delete(ref);
      this.active -= 1;
      this.pump();
    }
  }

  private async request(refs: LatentRef[]): Promise<void> {
    try {
      const pictures = await this.options.fetchBatch(refs);
      this.failures = 0;
      this.fail(null);
      refs.forEach((ref, index) => {
        this.keep(ref, pictures[index] as Picture);
      });
    } catch (error) {
      this.failures += 1;
      const delay = this.options.retryDelay?.(this.failures, error) ?? null;
      if (delay === null) {
        await this.giveUp(refs, error);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, delay * 1000));
      for (const ref of refs) {
        if (this.listeners.has(ref)) this.waiting.set(ref, this.pumps);
      }
    }
  }

  private async giveUp(refs: LatentRef[], error: unknown): Promise<void> {
    const isOfOneLatent = this.options.isOfOneLatent?.(error) ?? false;
    if (isOfOneLatent && refs.length > 1) {
      for (const ref of refs) {
        if (this.listeners.has(ref)) await this.request([ref]);
      }
      return;
    }
    if (!isOfOneLatent) this.fail(error);
    for (const ref of refs) this.tell(ref, null);
  }

  private fail(failure: unknown): void {
    if (failure === this.lastFailure) return;
    this.lastFailure = failure;
    for (const watcher of this.watchers) watcher();
  }

  private keep(ref: LatentRef, picture: Picture): void {
    this.touch(ref, picture);
    this.tell(ref, picture);
    for (const [oldest, old] of this.kept) {
      if (this.kept.size <= this.options.limit) break;
      if (this.listeners.has(oldest)) continue;
      this.kept.delete(oldest);
      this.options.release?.(old);
    }
  }

  private touch(ref: LatentRef, picture: Picture): void {
    this.kept.delete(ref);
    this.kept.set(ref, picture);
  }

  private tell(ref: LatentRef, picture: Picture | null): void {
    for (const listener of this.listeners.get(ref) ?? []) listener(picture);
  }
}
