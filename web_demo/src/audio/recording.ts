// Stems on their way to a file or back to the ear. They lie in Blobs, which the browser may put on disk: a song of
// four minutes is 250 MB of floats.
import { wavHeader } from "./wav";
import { join, type Part } from "../model/stream";

export const TRACKS = ["mixture", "vocals", "accompaniment"] as const;
export type Track = (typeof TRACKS)[number];

const BYTES = 8; // a stereo sample

export class Recording {
  /** Samples a channel so far. */
  length = 0;
  private readonly blobs: Record<Track, Blob[]> = { mixture: [], vocals: [], accompaniment: [] };
  private readonly starts: number[] = [];
  private fresh: Part[] = [];
  private freshLength = 0;

  /** @param blobLength samples a channel in one Blob */
  constructor(
    readonly sampleRate: number,
    private readonly blobLength = 4 * sampleRate,
  ) {}

  append(part: Part): void {
    this.fresh.push(part);
    this.freshLength += part.mixture.length / 2;
    this.length += part.mixture.length / 2;
    if (this.freshLength >= this.blobLength) this.seal();
  }

  /** The samples from `start` on, at most `count`; fewer at the end of what is there. */
  async read(start: number, count: number): Promise<Part> {
    const end = Math.min(start + count, this.length);
    if (end > this.length - this.freshLength) this.seal();
    const tracks = await Promise.all(TRACKS.map((track) => this.readTrack(track, start, end)));
    return { mixture: tracks[0], vocals: tracks[1], accompaniment: tracks[2] };
  }

  /** A track as a WAV file of 32-bit floats. */
  wav(track: Track): Blob {
    this.seal();
    return new Blob([wavHeader(this.length, 2, this.sampleRate), ...this.blobs[track]], { type: "audio/wav" });
  }

  private async readTrack(track: Track, start: number, end: number): Promise<Float32Array> {
    const result = new Float32Array(2 * Math.max(0, end - start));
    for (let i = this.blobAt(start); i < this.starts.length && this.starts[i] < end; i++) {
      const blob = this.blobs[track][i];
      const from = Math.max(start, this.starts[i]);
      const to = Math.min(end, this.starts[i] + blob.size / BYTES);
      const slice = blob.slice((from - this.starts[i]) * BYTES, (to - this.starts[i]) * BYTES);
      result.set(new Float32Array(await slice.arrayBuffer()), 2 * (from - start));
    }
    return result;
  }

  private blobAt(position: number): number {
    let index = this.starts.findLastIndex((start) => start <= position);
    return Math.max(0, index);
  }

  private seal(): void {
    if (!this.fresh.length) return;
    const part = join(this.fresh);
    this.starts.push(this.length - this.freshLength);
    for (const track of TRACKS) this.blobs[track].push(new Blob([part[track] as Float32Array<ArrayBuffer>]));
    this.fresh = [];
    this.freshLength = 0;
  }
}
