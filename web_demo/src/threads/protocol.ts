// What the page, the worker that holds the network and the audio thread say to each other.
import type { StreamSpec } from "../model/metadata";
import type { Part } from "../model/stream";

/** Page → worker. A new job ends the one before it. */
export type ToWorker =
  | { type: "load"; runtime: string; content: Uint8Array<ArrayBuffer>; name: string }
  | { type: "file"; job: number; left: Float32Array; right: Float32Array }
  | { type: "live"; job: number; port: MessagePort }
  | { type: "record"; on: boolean }
  | { type: "stop" };

/** Worker → page. */
export type FromWorker =
  | { type: "ready"; spec: StreamSpec; warmUp: StepTimes }
  | { type: "part"; job: number; part: Part }
  | { type: "done"; job: number; seconds: number; stats: Stats }
  | { type: "stats"; job: number; stats: Stats }
  | { type: "error"; job: number; message: string; name?: string };

/** Milliseconds a step; medians and 99th percentiles of the last few seconds. */
export interface StepTimes {
  p50: number;
  p99: number;
}

export interface Stats extends StepTimes {
  /** Time of the network's thread over the audio's, < 1 is real time. */
  load: number;
  /** Blocks of captured audio that were thrown away because the network was behind. */
  overruns: number;
}

/** Page → audio thread. */
export type ToMixer =
  | { type: "clear"; epoch: number; prefill: number }
  | { type: "feed"; epoch: number; part: Part }
  | { type: "end"; epoch: number }
  | { type: "play"; on: boolean }
  | { type: "live"; epoch: number; port: MessagePort; prefill: number };

/** Audio thread → page, some 20 times a second. */
export interface FromMixer {
  epoch: number;
  /** Samples played since the last clear. */
  played: number;
  /** Samples that wait. */
  level: number;
  /** Times that the music had to stop, live, for want of samples. */
  underruns: number;
  /** Times that so much waited, live, that the oldest was dropped. */
  overruns: number;
  /** Everything was played. */
  ended: boolean;
}

/** Audio thread → worker: captured stereo samples, interleaved. Worker → audio thread: parts. */
export type Captured = Float32Array;
