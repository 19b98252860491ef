import { describe, expect, it } from "vitest";
import { stepDelay, type StreamSpec } from "./metadata";
import { join, StreamingSeparator, type Step } from "./stream";

const spec = { sample_rate: 8000, num_channels: 2, frame_length: 16, frame_step: 4 } as StreamSpec;

/** A waveform graph that lets everything through, late as they are, with an echo in its first samples. */
class Through implements Step {
  readonly spec = spec;
  private past: number[] = [];

  reset(): void {
    this.past = new Array(2 * stepDelay(spec)).fill(99);
  }

  async run(samples: Float32Array) {
    this.past.push(...samples);
    const out = Float32Array.from(this.past.splice(0, samples.length));
    return { vocals: out, accompaniment: out.map((x) => x / 2) };
  }
}

describe("StreamingSeparator", () => {
  it.each([1, 3, 4, 7, 64])("aligns stems and mixture to the sample, in blocks of %i", async (size) => {
    const song = Float32Array.from({ length: 200 }, (_, i) => i + 1);
    const separator = new StreamingSeparator(new Through());
    const parts = [];
    for (let at = 0; at < song.length; at += 2 * size) parts.push(...(await separator.push(song.subarray(at, at + 2 * size))));
    const all = join(parts);
    const complete = 4 * Math.floor(100 / 4) - stepDelay(spec);
    expect(all.mixture.length).toBe(2 * complete);
    expect(all.mixture).toEqual(song.slice(0, 2 * complete));
    expect(all.vocals).toEqual(all.mixture);
    expect(all.accompaniment).toEqual(all.mixture.map((x) => x / 2));
  });

  it("takes what is not finite for silence, and starts anew when told", async () => {
    const separator = new StreamingSeparator(new Through());
    const bad = Float32Array.from({ length: 32 }, (_, i) => [NaN, Infinity, 1e13, 1][i % 4]);
    await separator.push(bad);
    const [part] = await separator.push(new Float32Array(8));
    expect([...part.vocals]).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
    separator.reset();
    expect(await separator.push(new Float32Array(2 * stepDelay(spec)))).toEqual([]);
  });
});
