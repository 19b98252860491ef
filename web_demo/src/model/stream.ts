// Blocks of any size in, stems out, in step with the mixture they came from.
import { stepDelay, type StreamSpec } from "./metadata";
import type { Stems } from "./step";

/** A stretch of a stream: interleaved stereo, all of one length, aligned to the sample. */
export interface Part extends Stems {
  mixture: Float32Array;
}

/** What `StreamingSeparator` needs of a network; `StepModel` is one. */
export interface Step {
  readonly spec: StreamSpec;
  reset(): void;
  run(samples: Float32Array): Promise<Stems>;
}

export class StreamingSeparator {
  private readonly pending: Float32Array; // of the next step
  private readonly past: Float32Array; // the mixture, until its stems are there
  private filled = 0;
  private late = 0;

  constructor(private readonly step: Step) {
    const { spec } = step;
    this.pending = new Float32Array(spec.frame_step * spec.num_channels);
    this.past = new Float32Array(stepDelay(spec) * spec.num_channels);
    this.reset();
  }

  reset(): void {
    this.step.reset();
    this.pending.fill(0);
    this.past.fill(0);
    this.filled = 0;
    this.late = stepDelay(this.step.spec); // before the first sample: an echo of the first frames, ahead of time
  }

  /**
   * Takes the next samples of the mixture, any number.
   *
   * @param samples interleaved stereo, full scale ±1; what is not finite counts as silence
   * @returns what is complete by now: whole steps. Sample i comes out aligned with the mixture, in order.
   */
  async push(samples: Float32Array): Promise<Part[]> {
    const parts: Part[] = [];
    for (let at = 0; at < samples.length; ) {
      const size = Math.min(samples.length - at, this.pending.length - this.filled);
      for (let i = 0; i < size; i++) {
        const sample = samples[at + i];
        this.pending[this.filled + i] = Math.abs(sample) <= 1e12 ? sample : 0; // NaN is not
      }
      at += size;
      this.filled += size;
      if (this.filled === this.pending.length) {
        this.filled = 0;
        const part = { mixture: this.delayed(this.pending), ...(await this.step.run(this.pending)) };
        const { frame_step: length, num_channels: channels } = this.step.spec;
        const skip = Math.min(this.late, length);
        this.late -= skip;
        if (skip < length) {
          parts.push(skip ? cut(part, skip * channels, length * channels) : part);
        }
      }
    }
    return parts;
  }

  private delayed(step: Float32Array): Float32Array {
    const mixture = new Float32Array(step.length);
    const { past } = this;
    const fromPast = Math.min(past.length, step.length);
    mixture.set(past.subarray(0, fromPast));
    mixture.set(step.subarray(0, step.length - fromPast), fromPast);
    past.copyWithin(0, fromPast);
    past.set(step.subarray(step.length - fromPast), past.length - fromPast);
    return mixture;
  }
}

/** The samples from `start` to `end` of a part, counted in values. */
export function cut(part: Part, start: number, end: number): Part {
  return {
    mixture: part.mixture.slice(start, end),
    vocals: part.vocals.slice(start, end),
    accompaniment: part.accompaniment.slice(start, end),
  };
}

/** Several parts as one. */
export function join(parts: Part[]): Part {
  const together = (name: keyof Part): Float32Array => {
    const all = new Float32Array(parts.reduce((length, part) => length + part[name].length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part[name], at);
      at += part[name].length;
    }
    return all;
  };
  return { mixture: together("mixture"), vocals: together("vocals"), accompaniment: together("accompaniment") };
}
