// The audio thread: hands captured samples to the network's thread and mixes what comes back. Gains act on what is
// played next, whatever waits in the ring.
import { PartRing } from "../audio/ring";
import type { Part } from "../model/stream";
import type { FromMixer, ToMixer } from "./protocol";

// The audio thread's globals, which TypeScript's DOM library does not know.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: unknown): void;

const BLOCK = 512; // captured samples that travel together: a step of the network
const REPORT_EVERY = 16; // quanta, 46 ms
const RING_SECONDS = 4;
const SLACK = 4096; // samples above the live target that are put up with, 93 ms
const MOST_PREFILL = 16384;
const FORGET_SECONDS = 30; // without an underrun, after which a step less is kept ready
const FADE = 1 / 256; // a sample: 6 ms from silence to sound and back

class Mixer extends AudioWorkletProcessor {
  static get parameterDescriptors() {
    const gain = (name: string, defaultValue: number) => ({ name, defaultValue, minValue: 0, maxValue: 4, automationRate: "a-rate" });
    return [gain("vocals", 1), gain("accompaniment", 1), gain("original", 0)];
  }

  private readonly ring = new PartRing(RING_SECONDS * sampleRate);
  private readonly channels = Array.from({ length: 6 }, () => new Float32Array(128));
  private captured = new Float32Array(2 * BLOCK);
  private capturedLength = 0;
  private worker: MessagePort | null = null;
  private epoch = 0;
  private playing = false;
  private filling = true;
  private prefill = 0;
  private leastPrefill = 0;
  private steady = 0; // samples since the last underrun
  private gate = 0;
  private ending = false;
  private played = 0;
  private underruns = 0;
  private overruns = 0;
  private quanta = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToMixer>) => this.hear(data);
  }

  private hear(message: ToMixer): void {
    switch (message.type) {
      case "clear":
      case "live":
        this.worker?.close();
        this.worker = null;
        this.ring.clear();
        this.epoch = message.epoch;
        this.prefill = this.leastPrefill = message.prefill;
        this.filling = true;
        this.steady = this.gate = 0;
        this.ending = false;
        this.played = this.underruns = this.overruns = this.capturedLength = 0;
        if (message.type === "live") {
          this.playing = true;
          this.worker = message.port;
          this.worker.onmessage = ({ data }: MessageEvent<Part>) => this.hearPart(data);
        }
        break;
      case "feed":
        if (message.epoch === this.epoch) this.ring.write(message.part);
        break;
      case "end":
        if (message.epoch === this.epoch) this.ending = true;
        break;
      case "play":
        this.playing = message.on;
    }
    if (message.type !== "feed" && message.type !== "end") this.report(); // each report asks for more
  }

  private hearPart(part: Part): void {
    this.ring.write(part);
    // After a stall everything comes at once; played as it is, the sound would be late ever after.
    if (this.ring.level > this.prefill + SLACK) {
      this.ring.drop(this.ring.level - this.prefill);
      this.overruns += 1;
    }
  }

  process(inputs: Float32Array[][], outputs: Float32Array[][], parameters: Record<string, Float32Array>): boolean {
    if (this.worker) this.capture(inputs[0]);
    const length = outputs[0][0].length;
    const channels = this.channels;
    if (channels[0].length !== length) this.channels.splice(0, 6, ...channels.map(() => new Float32Array(length)));
    const count = this.playing || this.gate > 0 ? this.read(length) : 0;
    for (const channel of this.channels) channel.fill(0, count);
    this.open(count);
    this.mix(outputs, parameters, length);
    if (++this.quanta % REPORT_EVERY === 0) this.report();
    return true;
  }

  /** Fills the channels with what is ready; returns how many samples there were. */
  private read(length: number): number {
    if (this.filling) {
      if (this.ring.level < Math.max(this.prefill, 1) && !(this.ending && this.ring.level > 0)) return 0;
      if (this.worker) this.ring.drop(this.ring.level - this.prefill); // what came meanwhile would make all later
      this.filling = false;
    }
    if (this.steady > FORGET_SECONDS * sampleRate && this.prefill > this.leastPrefill) {
      const enough = !this.worker || this.ring.level >= Math.max(this.prefill, BLOCK + length);
      if (enough) {
        this.prefill -= BLOCK;
        this.steady = 0;
        if (this.worker) {
          this.ring.leap(this.channels, BLOCK); // live, what waits is what the sound is late
          this.played += length;
          return length;
        }
      }
    }
    const count = this.ring.read(this.channels);
    this.played += count;
    this.steady += count;
    if (count < length && !this.ending) {
      this.filling = true;
      this.gate = this.steady = 0;
      if (this.worker) {
        this.underruns += 1;
        this.prefill = Math.min(this.prefill + BLOCK, MOST_PREFILL); // what was too little once is too little
      }
    }
    return count;
  }

  /** From silence to sound and back without a click. */
  private open(count: number): void {
    const target = this.playing ? 1 : 0;
    if (this.gate === target) return;
    for (let i = 0; i < count; i++) {
      this.gate = target ? Math.min(1, this.gate + FADE) : Math.max(0, this.gate - FADE);
      for (const channel of this.channels) channel[i] *= this.gate;
    }
    if (!count && !target) this.gate = 0;
  }

  private mix(outputs: Float32Array[][], parameters: Record<string, Float32Array>, length: number): void {
    const { vocals, accompaniment, original } = parameters;
    for (let side = 0; side < 2; side++) {
      const [mixture, voice, music] = [this.channels[side], this.channels[2 + side], this.channels[4 + side]];
      const out = outputs[0][side];
      for (let i = 0; i < length; i++) {
        const b = original.length > 1 ? original[i] : original[0];
        const v = vocals.length > 1 ? vocals[i] : vocals[0];
        const a = accompaniment.length > 1 ? accompaniment[i] : accompaniment[0];
        out[i] = b * mixture[i] + (1 - b) * (v * voice[i] + a * music[i]);
      }
      outputs[1][side].set(mixture);
      outputs[2][side].set(voice);
      outputs[3][side].set(music);
    }
  }

  private capture(input: Float32Array[]): void {
    const left = input[0];
    const right = input[1] ?? left;
    const length = left?.length ?? 128; // nothing connected: silence, so that time goes on
    for (let i = 0; i < length; i++) {
      this.captured[2 * this.capturedLength] = left ? left[i] : 0;
      this.captured[2 * this.capturedLength + 1] = right ? right[i] : 0;
      if (++this.capturedLength === BLOCK) {
        this.worker!.postMessage(this.captured, [this.captured.buffer]);
        this.captured = new Float32Array(2 * BLOCK);
        this.capturedLength = 0;
      }
    }
  }

  private report(): void {
    const message: FromMixer = {
      epoch: this.epoch,
      played: this.played,
      level: this.ring.level,
      underruns: this.underruns,
      overruns: this.overruns,
      ended: this.ending && this.ring.level === 0,
    };
    this.port.postMessage(message);
  }
}

registerProcessor("mixer", Mixer);
