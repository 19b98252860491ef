import { describe, expect, it } from "vitest";
import { PartRing } from "./ring";
import { Recording } from "./recording";
import { wavHeader } from "./wav";
import type { Part } from "../model/stream";

/** `count` stereo samples from `start` on, different in every track and channel. */
function ramp(start: number, count: number): Part {
  const track = (base: number) => Float32Array.from({ length: 2 * count }, (_, i) => base + 2 * start + i);
  return { mixture: track(0), vocals: track(1e5), accompaniment: track(2e5) };
}

describe("PartRing", () => {
  it("gives back every sample once and in order, however it is cut", () => {
    const ring = new PartRing(100);
    let [written, read, seed] = [0, 0, 1];
    const next = (most: number) => (seed = (seed * 16807) % 2147483647) % most;
    while (read < 5000) {
      const part = ramp(written, next(60));
      written += part.mixture.length / 2 - ring.write(part);
      const size = 1 + next(60);
      const channels = Array.from({ length: 6 }, () => new Float32Array(size));
      const count = ring.read(channels);
      for (let i = 0; i < count; i++) {
        const at = 2 * (read + i);
        expect(channels.map((channel) => channel[i])).toEqual([at, at + 1, 1e5 + at, 1e5 + at + 1, 2e5 + at, 2e5 + at + 1]);
      }
      read += count;
      expect(ring.level).toBe(written - read);
    }
  });

  it("says what did not fit and drops the oldest", () => {
    const ring = new PartRing(10);
    expect(ring.write(ramp(0, 15))).toBe(5);
    ring.drop(4);
    const channels = Array.from({ length: 6 }, () => new Float32Array(3));
    expect(ring.read(channels)).toBe(3);
    expect([...channels[0]]).toEqual([8, 10, 12]);
    ring.clear();
    expect(ring.read(channels)).toBe(0);
  });
});

describe("PartRing's leap", () => {
  it("leads over from what is next to what comes later", () => {
    const ring = new PartRing(20);
    ring.write(ramp(0, 7));
    ring.drop(7); // across the ring's end
    ring.write(ramp(7, 18));
    const channels = Array.from({ length: 6 }, () => new Float32Array(4));
    ring.leap(channels, 10);
    expect([...channels[0]]).toEqual([14 + 5, 16 + 10, 18 + 15, 20 + 20]);
    expect(ring.level).toBe(4);
    ring.read(channels);
    expect([...channels[0]]).toEqual([42, 44, 46, 48]);
  });
});

describe("Recording", () => {
  it("reads any stretch, across its Blobs and while it grows", async () => {
    const recording = new Recording(44100, 50);
    for (let at = 0; at < 333; at += 37) {
      recording.append(ramp(at, 37));
      const from = Math.max(0, at - 20);
      expect(await recording.read(from, 40)).toEqual(ramp(from, Math.min(40, recording.length - from)));
    }
    expect(recording.length).toBe(333);
    expect(await recording.read(0, 1000)).toEqual(ramp(0, 333));
    expect(await recording.read(120, 7)).toEqual(ramp(120, 7));
    expect((await recording.read(330, 100)).vocals).toEqual(ramp(330, 3).vocals);
  });

  it("becomes a WAV file", async () => {
    const recording = new Recording(44100, 50);
    recording.append(ramp(0, 60));
    recording.append(ramp(60, 3));
    const bytes = await recording.wav("vocals").arrayBuffer();
    expect(bytes.byteLength).toBe(58 + 63 * 8);
    expect(new Float32Array(bytes.slice(58))).toEqual(ramp(0, 63).vocals);
  });
});

describe("wavHeader", () => {
  it("refuses what a WAV file cannot hold", () => {
    expect(() => wavHeader(2 ** 29, 2, 44100)).toThrow("at most 4 GiB in a WAV file. Received: 4294967296 bytes");
  });
});
