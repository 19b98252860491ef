// What waits to be played: parts of a stream, first in, first out, in memory that is allocated once.
import type { Part } from "../model/stream";

const CHANNELS = 6; // mixture, vocals, accompaniment; left and right

export class PartRing {
  private readonly data: Float32Array;
  private readAt = 0;
  private length = 0;

  /** @param capacity samples a channel */
  constructor(readonly capacity: number) {
    this.data = new Float32Array(capacity * CHANNELS);
  }

  /** Samples a channel that wait. */
  get level(): number {
    return this.length;
  }

  clear(): void {
    this.readAt = this.length = 0;
  }

  /** Takes a part; returns how many samples a channel did not fit, its last ones. */
  write(part: Part): number {
    const offered = part.mixture.length / 2;
    const count = Math.min(offered, this.capacity - this.length);
    for (let i = 0; i < count; i++) {
      const at = ((this.readAt + this.length + i) % this.capacity) * CHANNELS;
      this.data[at] = part.mixture[2 * i];
      this.data[at + 1] = part.mixture[2 * i + 1];
      this.data[at + 2] = part.vocals[2 * i];
      this.data[at + 3] = part.vocals[2 * i + 1];
      this.data[at + 4] = part.accompaniment[2 * i];
      this.data[at + 5] = part.accompaniment[2 * i + 1];
    }
    this.length += count;
    return offered - count;
  }

  /** Fills six channels from their beginning; returns how many samples of each there were. */
  read(channels: Float32Array[]): number {
    const count = Math.min(channels[0].length, this.length);
    for (let i = 0; i < count; i++) {
      const at = ((this.readAt + i) % this.capacity) * CHANNELS;
      for (let c = 0; c < CHANNELS; c++) channels[c][i] = this.data[at + c];
    }
    this.drop(count);
    return count;
  }

  /** Fills six channels as `read` does, but leads over to the samples `count` later, and goes on there. */
  leap(channels: Float32Array[], count: number): void {
    const length = channels[0].length;
    for (let i = 0; i < length; i++) {
      const now = ((this.readAt + i) % this.capacity) * CHANNELS;
      const later = ((this.readAt + i + count) % this.capacity) * CHANNELS;
      const share = (i + 1) / length;
      for (let c = 0; c < CHANNELS; c++) channels[c][i] = (1 - share) * this.data[now + c] + share * this.data[later + c];
    }
    this.drop(count + length);
  }

  /** Forgets the oldest samples. */
  drop(count: number): void {
    const gone = Math.max(0, Math.min(count, this.length));
    this.readAt = (this.readAt + gone) % this.capacity;
    this.length -= gone;
  }
}
