// The network's own thread: a classic worker, because LiteRT.js loads its runtime with importScripts.
import { Environment, loadLiteRt } from "@litertjs/core";
import { readMetadata, stepDelay, UserError, type StreamSpec } from "../model/metadata";
import { StepModel } from "../model/step";
import { cut, join, StreamingSeparator, type Part } from "../model/stream";
import type { Captured, FromWorker, Stats, StepTimes, ToWorker } from "./protocol";

const WARM_UP_STEPS = 60;
const CHUNK_STEPS = 64; // of a file, 0.7 s: between chunks the worker hears that it should stop
const STATS_EVERY = 43; // live steps, 0.5 s
const MOST_WAITING = 16; // captured blocks, 0.2 s
const REMEMBERED = 860; // step times, 10 s

// The worker's globals, which TypeScript's DOM library does not know.
declare const self: {
  Module?: object;
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer: Transferable[]): void;
};

let model: StepModel | null = null;
let spec: StreamSpec;
let job = 0;
let recording = false;
let runtime: Promise<unknown> | null = null;
let livePort: MessagePort | null = null;

// Left to itself LiteRT.js asks for a graphics device, in vain on many computers, and complains. A step is far too small for one.
const create = Environment.create;
Environment.create = () => create({ webGpuDevice: null });

const post = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, transfer);
const buffers = (part: Part): Transferable[] => [part.mixture.buffer, part.vocals.buffer, part.accompaniment.buffer];

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "record") {
    recording = data.on;
    return;
  }
  const mine = data.type === "file" || data.type === "live" ? data.job : 0;
  try {
    job = mine;
    livePort?.close();
    livePort = null;
    if (data.type === "load") await load(data.runtime, data.content, data.name);
    else if (data.type === "file") await separateFile(mine, data.left, data.right);
    else if (data.type === "live") separateLive(mine, data.port);
  } catch (error) {
    fail(mine, error);
  }
};

function fail(mine: number, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  post({ type: "error", job: mine, message, name: error instanceof UserError ? "UserError" : undefined });
}

async function load(path: string, content: Uint8Array<ArrayBuffer>, name: string): Promise<void> {
  const metadata = await readMetadata(content, name);
  runtime ??= loadRuntime(path).catch((error: unknown) => {
    runtime = null; // the next model may have more luck
    throw error;
  });
  await runtime;
  let compiled: StepModel;
  try {
    compiled = await StepModel.compile(content, metadata.spec);
  } catch (error) {
    throw new UserError(`${name}: LiteRT.js cannot run this file: ${error instanceof Error ? error.message : error}`);
  }
  model?.delete();
  model = compiled;
  spec = metadata.spec;
  const timed = new TimedStep(model);
  const noise = Float32Array.from({ length: spec.frame_step * 2 }, (_, i) => 0.1 * Math.sin(i * i));
  for (let i = 0; i < WARM_UP_STEPS; i++) {
    if (i === WARM_UP_STEPS / 2) timed.forget();
    await timed.run(noise);
  }
  model.reset();
  post({ type: "ready", spec, warmUp: timed.times() });
}

function loadRuntime(path: string): Promise<unknown> {
  // LiteRT.js hands Emscripten nothing of its own; this is where Emscripten looks.
  self.Module = {
    locateFile: (file: string) => new URL(file, path).href, // else it would have to lie beside this script
    printErr: (line: string) => /^(INFO|WARNING|VERBOSE):/.test(line) || console.error(line),
  };
  return loadLiteRt(path);
}

async function separateFile(mine: number, left: Float32Array, right: Float32Array): Promise<void> {
  const step = new TimedStep(loaded());
  const separator = new StreamingSeparator(step);
  const begin = performance.now();
  const total = left.length + stepDelay(spec);
  const chunk = CHUNK_STEPS * spec.frame_step;
  let sent = 0;
  // Whole steps, with silence behind the last sample, until all of its stem is there.
  for (let at = 0; at < total; at += chunk) {
    const length = Math.min(chunk, Math.ceil((total - at) / spec.frame_step) * spec.frame_step);
    const samples = new Float32Array(2 * length);
    for (let i = 0; i < length && at + i < left.length; i++) {
      samples[2 * i] = left[at + i];
      samples[2 * i + 1] = right[at + i];
    }
    const parts = await separator.push(samples);
    if (parts.length) {
      let part = join(parts);
      const room = 2 * (left.length - sent);
      if (part.mixture.length > room) part = cut(part, 0, room);
      sent += part.mixture.length / 2;
      post({ type: "part", job: mine, part }, buffers(part));
      post({ type: "stats", job: mine, stats: stats(step, 0, performance.now() - begin, sent) });
    }
    await nextTurn();
    if (job !== mine) return;
  }
  const seconds = (performance.now() - begin) / 1000;
  post({ type: "done", job: mine, seconds, stats: stats(step, 0, 1000 * seconds, sent) });
}

function separateLive(mine: number, port: MessagePort): void {
  const step = new TimedStep(loaded());
  const separator = new StreamingSeparator(step);
  const waiting: Captured[] = [];
  let overruns = 0;
  let busy = false;
  let reported = 0;
  recording = false;
  livePort = port;

  async function work(): Promise<void> {
    busy = true;
    try {
      while (waiting.length && job === mine) {
        for (const part of await separator.push(waiting.shift()!)) {
          if (job !== mine) return;
          if (recording) post({ type: "part", job: mine, part }); // a copy
          port.postMessage(part, buffers(part));
        }
        if (step.steps - reported >= STATS_EVERY) {
          reported = step.steps;
          post({ type: "stats", job: mine, stats: stats(step, overruns) });
        }
        await nextTurn(); // lets in what was captured meanwhile, or nobody would know that it piles up
      }
    } catch (error) {
      fail(mine, error);
      job = 0; // or every block would fail
    } finally {
      busy = false;
    }
  }

  port.onmessage = ({ data }: MessageEvent<Captured>) => {
    if (job !== mine) return;
    waiting.push(data);
    while (waiting.length > MOST_WAITING) {
      waiting.shift();
      overruns += 1;
    }
    if (!busy) void work();
  };
}

function loaded(): StepModel {
  if (!model) throw new Error("the model is not loaded yet");
  return model;
}

/** A step that looks at the clock. */
class TimedStep {
  steps = 0;
  private readonly last: number[] = [];

  constructor(private readonly model: StepModel) {}

  get spec(): StreamSpec {
    return this.model.spec;
  }

  reset(): void {
    this.model.reset();
  }

  async run(samples: Float32Array) {
    const begin = performance.now();
    const stems = await this.model.run(samples);
    this.last[this.steps++ % REMEMBERED] = performance.now() - begin;
    return stems;
  }

  forget(): void {
    this.steps = this.last.length = 0;
  }

  times(): StepTimes & { mean: number } {
    const sorted = Float64Array.from(this.last).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), mean: sorted.reduce((a, b) => a + b, 0) / Math.max(1, sorted.length) };
  }
}

/** @param elapsed ms of the whole job for `samples`, where it ran as fast as it could */
function stats(step: TimedStep, overruns: number, elapsed?: number, samples = 1): Stats {
  const { mean, ...times } = step.times();
  const ms = 1000 / spec.sample_rate;
  const load = elapsed === undefined ? mean / (spec.frame_step * ms) : elapsed / (samples * ms);
  return { ...times, load, overruns };
}

/** Lets messages in; unlike a timer, without a pause and also in a hidden tab. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
