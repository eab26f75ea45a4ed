import { useSyncExternalStore } from "react";
import type { ToySettings } from "./toy/gan";
import { ToyRun } from "./toy/run";

/** How far the run goes in a frame: one turn at a time, one step, or what the time allows. */
export const SPEEDS = ["turns", "steps", "fast"] as const;
export type Speed = (typeof SPEEDS)[number];

const FRAME_BUDGET_MS = 9; // of the 16 of a frame: the rest is for drawing, and for the page
const TURN_MS = 1100; // long enough to see whose turn it is
const READOUT_MS = 140; // numbers that change faster cannot be read

/** Plays a run in the frames of the page, without ever blocking it. */
export class Playback {
  run: ToyRun;
  playing = false;
  speed: Speed = "steps";
  #drawing = new Set<() => void>();
  #reading = new Set<() => void>();
  #version = 0;
  #visible = true;
  #frame: number | null = null;
  #lastTurn = 0;
  #lastReadout = 0;

  constructor(settings: ToySettings) {
    this.run = new ToyRun(settings);
  }

  restart(settings: ToySettings = this.run.settings): void {
    this.run = new ToyRun(settings);
    this.#lastTurn = 0;
    this.#show(true);
  }

  play(playing: boolean): void {
    this.playing = playing;
    this.#wake();
    this.#show(true);
  }

  choose(speed: Speed): void {
    this.speed = speed;
    this.#show(true);
  }

  /** The next turn, and then a pause. */
  turn(): void {
    this.playing = false;
    this.run.turn();
    this.#show(true);
  }

  /** What is not visible does not run. */
  setVisible(visible: boolean): void {
    this.#visible = visible;
    this.#wake();
  }

  stop(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
  }

  /** Called after each frame of the run, to draw it. */
  readonly onFrame = (listener: () => void): (() => void) => {
    this.#drawing.add(listener);
    return () => this.#drawing.delete(listener);
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#reading.add(listener);
    return () => this.#reading.delete(listener);
  };

  readonly version = (): number => this.#version;

  #wake(): void {
    if (this.playing && this.#visible) this.#frame ??= requestAnimationFrame(this.#advance);
  }

  readonly #advance = (now: number): void => {
    this.#frame = null;
    if (!this.playing || !this.#visible) return;
    if (this.speed === "turns") {
      if (now - this.#lastTurn >= TURN_MS) {
        this.run.turn();
        this.#lastTurn = now;
        this.#show(true);
      }
    } else {
      const end = performance.now() + FRAME_BUDGET_MS;
      do this.#step();
      while (this.speed === "fast" && performance.now() < end);
      this.#show(now - this.#lastReadout >= READOUT_MS);
    }
    this.#wake();
  };

  /** Both turns; while the discriminator is alone, only its own. */
  #step(): void {
    this.run.turn();
    if (this.run.gan.next === "generator") this.run.turn();
  }

  #show(readout: boolean): void {
    for (const listener of this.#drawing) listener();
    if (!readout) return;
    this.#lastReadout = performance.now();
    this.#version += 1;
    for (const listener of this.#reading) listener();
  }
}

/** The playback, whose component is rendered again as often as numbers can be read. */
export function useReadout(playback: Playback): Playback {
  useSyncExternalStore(playback.subscribe, playback.version);
  return playback;
}
