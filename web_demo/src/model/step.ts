// A waveform graph as a step, run by LiteRT.js: samples in, stems out, states carried from call to call.
import { loadAndCompile, Tensor, type CompiledModel, type SignatureRunner } from "@litertjs/core";
import type { StreamSpec } from "./metadata";

const SIGNATURE = "step";
const INPUT = "samples";
const STATE = "state_";

/** Stems of one step, interleaved stereo, full scale ±1. */
export interface Stems {
  vocals: Float32Array;
  accompaniment: Float32Array;
}

export class StepModel {
  private states: Record<string, Tensor> = {};

  private constructor(
    private readonly model: CompiledModel,
    private readonly runner: SignatureRunner,
    readonly spec: StreamSpec,
  ) {
    this.reset();
  }

  /**
   * Compiles a file whose metadata were read and checked.
   *
   * @throws Error the runtime cannot run it, or its tensors do not fit the spec
   */
  static async compile(content: Uint8Array, spec: StreamSpec): Promise<StepModel> {
    const model = await loadAndCompile(content, { accelerator: "wasm" });
    const runner = model.signatures[SIGNATURE];
    const names = runner ? [...runner.getInputDetails(), ...runner.getOutputDetails()].map((tensor) => tensor.name) : [];
    const states = names.filter((name) => name.startsWith(STATE));
    const expected = [INPUT, "vocals", "accompaniment", ...states.map((name) => `new_${name}`)];
    const missing = expected.filter((name) => !names.includes(name));
    const shape = runner?.getInputDetails().find((tensor) => tensor.name === INPUT)?.shape ?? [];
    if (missing.length || `${[...shape]}` !== `${[1, spec.frame_step, spec.num_channels]}`) {
      model.delete();
      throw new Error(`expected a signature ${SIGNATURE} with ${expected}. Received: ${names} (samples: ${[...shape]})`);
    }
    return new StepModel(model, runner, spec);
  }

  /** Forgets everything heard so far. */
  reset(): void {
    for (const state of Object.values(this.states)) state.delete();
    const details = this.runner.getInputDetails().filter((tensor) => tensor.name.startsWith(STATE));
    this.states = Object.fromEntries(
      details.map(({ name, shape }) => [name, new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)]),
    );
  }

  /**
   * A step that is not finite is undone: it gives silence, and the next one starts from zero states.
   *
   * @param samples (frame_step, 2) interleaved; the stems lag behind them by `stepDelay`
   */
  async run(samples: Float32Array): Promise<Stems> {
    const input = new Tensor(samples, [1, this.spec.frame_step, this.spec.num_channels]);
    // The states never leave the runtime's memory: what came out as new_state_x goes in as state_x.
    const outputs = await this.runner.run({ [INPUT]: input, ...this.states }).finally(() => input.delete());
    for (const [name, state] of Object.entries(this.states)) {
      state.delete();
      this.states[name] = outputs[`new_${name}`];
    }
    const take = (name: string): Float32Array => {
      const samples = outputs[name].toTypedArray() as Float32Array;
      outputs[name].delete();
      return samples;
    };
    const stems = { vocals: take("vocals"), accompaniment: take("accompaniment") };
    if (!isFinite(power(stems.vocals) + power(stems.accompaniment))) {
      this.reset();
      stems.vocals.fill(0);
      stems.accompaniment.fill(0);
    }
    return stems;
  }

  delete(): void {
    for (const state of Object.values(this.states)) state.delete();
    this.states = {};
    this.model.delete();
  }
}

function power(samples: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i] * samples[i];
  return sum;
}
