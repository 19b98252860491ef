import { beforeAll, describe, expect, it } from "vitest";
import type { FromMixer } from "./protocol";

const RATE = 44100;
const BLOCK = 512;
const QUANTUM = 128;

interface Processor {
  port: { onmessage: (event: { data: unknown }) => void; postMessage: (message: FromMixer) => void };
  process(inputs: Float32Array[][], outputs: Float32Array[][], parameters: Record<string, Float32Array>): boolean;
}

let Mixer: new () => Processor;

beforeAll(async () => {
  Object.assign(globalThis, {
    sampleRate: RATE,
    AudioWorkletProcessor: class {
      port = { onmessage: () => {}, postMessage: () => {} };
    },
    registerProcessor: (_: string, processor: new () => Processor) => (Mixer = processor),
  });
  await import("./mixer.worklet");
});

/** A mixer that hears, and answers captured blocks of a ramp as they are but for those that `isLate` holds back. */
function live(isLate: (block: number) => boolean) {
  const mixer = new Mixer();
  const worker = {
    onmessage: (_: { data: unknown }) => {},
    close: () => {},
    held: [] as unknown[],
    blocks: 0,
    postMessage() {
      const samples = Float32Array.from({ length: 2 * BLOCK }, (_, i) => this.blocks * BLOCK + (i >> 1));
      this.held.push({ mixture: samples, vocals: samples, accompaniment: samples });
      if (!isLate(this.blocks++)) for (const data of this.held.splice(0)) this.onmessage({ data });
    },
  };
  let state = {} as FromMixer;
  mixer.port.postMessage = (message) => (state = message);
  mixer.port.onmessage({ data: { type: "live", epoch: 1, port: worker, prefill: BLOCK } });
  const parameters = { vocals: new Float32Array([1]), accompaniment: new Float32Array([1]), original: new Float32Array([1]) };
  const outputs = Array.from({ length: 4 }, () => [new Float32Array(QUANTUM), new Float32Array(QUANTUM)]);
  return (seconds: number) => {
    const played: number[] = [];
    for (let i = 0; i < (seconds * RATE) / QUANTUM; i++) {
      mixer.process([[]], outputs, parameters);
      played.push(...outputs[0][0]);
    }
    return { played, state, captured: worker.blocks * BLOCK };
  };
}

describe("Mixer, live", () => {
  it("waits less again, without a click, when there was no underrun for a while", () => {
    const stalls = [20, 60, 100];
    const run = live((block) => stalls.some((at) => block >= at && block < at + 4));
    const before = run(3);
    expect(before.state.underruns).toBeGreaterThan(1);
    const late = before.captured - before.played[before.played.length - 1];
    const after = run(31);
    expect(after.state.underruns).toBe(before.state.underruns);
    const gone = late - (after.captured - after.played[after.played.length - 1]);
    expect(Math.abs(gone - BLOCK)).toBeLessThanOrEqual(QUANTUM);
    // A step of the ramp is 1; a leap of 512 within a quantum makes at most some of 6.
    const steps = after.played.slice(1).map((x, i) => x - after.played[i]);
    expect(steps.reduce((most, x) => Math.max(most, Math.abs(x)), 0)).toBeLessThan(10);
    expect(steps.filter((x) => x > 1.5).length).toBeGreaterThan(0);
  });
});
