// The audio graph: one worklet that mixes, and an analyser on each of its outputs for the eye.
import mixerUrl from "../threads/mixer.worklet.ts?worker&url";
import type { Recording } from "./recording";
import type { FromMixer, ToMixer } from "../threads/protocol";

const AHEAD = 1; // seconds that wait in the audio thread
const FADE = 0.015; // seconds, time constant: no click, no wait

export type Gain = "vocals" | "accompaniment";
export type View = "output" | "mixture" | "vocals" | "accompaniment";

export class Player {
  onState: (state: FromMixer) => void = () => {};
  /** Of the recording that plays, samples. */
  position = 0;
  private state: FromMixer | null = null;
  private epoch = 0;
  private base = 0;
  private fed = 0;
  private feeding = false;
  private recording: Recording | null = null;
  private complete = false;
  private ended = -1; // the epoch that was told its end
  private source: AudioNode | null = null;

  private constructor(
    readonly context: AudioContext,
    private readonly node: AudioWorkletNode,
    readonly analysers: Record<View, AnalyserNode>,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<FromMixer>) => this.hear(data);
  }

  /** @param sampleRate the model's; the browser resamples on its way from and to the devices. */
  static async open(sampleRate: number): Promise<Player> {
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    void context.resume(); // while the listener's click still counts
    await context.audioWorklet.addModule(mixerUrl);
    const node = new AudioWorkletNode(context, "mixer", {
      numberOfInputs: 1,
      numberOfOutputs: 4,
      outputChannelCount: [2, 2, 2, 2],
      channelCount: 2,
      channelCountMode: "explicit",
    });
    node.connect(context.destination, 0);
    const analyser = (output: number): AnalyserNode => {
      const result = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0, minDecibels: -100 });
      node.connect(result, output);
      return result;
    };
    return new Player(context, node, {
      output: analyser(0),
      mixture: analyser(1),
      vocals: analyser(2),
      accompaniment: analyser(3),
    });
  }

  /** @param db decibels; −60 and below is silence */
  setGain(stem: Gain, db: number): void {
    this.fade(stem, db <= -60 ? 0 : 10 ** (db / 20));
  }

  setOriginal(on: boolean): void {
    this.fade("original", on ? 1 : 0);
  }

  /** Gets ready to play a recording, which may still grow until `finish`. */
  load(recording: Recording): void {
    this.recording = recording;
    this.complete = false;
    this.seek(0);
  }

  finish(): void {
    this.complete = true;
    void this.feed();
  }

  /** @param position samples */
  seek(position: number): void {
    this.epoch += 1;
    this.base = this.fed = this.position = position;
    this.tell({ type: "clear", epoch: this.epoch, prefill: 4096 });
    void this.feed();
  }

  /** Returns whether there is sound: browsers want a click or a key first, a dropped file may not do. */
  async play(on: boolean): Promise<boolean> {
    this.tell({ type: "play", on });
    return on ? this.wake() : true;
  }

  /**
   * Sends what a source captures to the network and plays what comes back.
   *
   * @param prefill samples to wait for before anything is played: the room for late steps
   */
  async live(source: MediaStreamAudioSourceNode, port: MessagePort, prefill: number): Promise<void> {
    this.stop();
    this.source = source;
    source.connect(this.node);
    this.tell({ type: "live", epoch: this.epoch, port, prefill }, [port]);
    await this.wake();
  }

  /** Silence, and nothing to play. */
  stop(): void {
    this.recording = null;
    this.source?.disconnect();
    this.source = null;
    this.epoch += 1;
    this.tell({ type: "play", on: false });
    this.tell({ type: "clear", epoch: this.epoch, prefill: 0 });
  }

  /** Seconds from a sample that is played to the ear, as far as the browser knows. */
  get outputLatency(): number {
    return (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
  }

  async close(): Promise<void> {
    this.stop();
    await this.context.close();
  }

  private async wake(): Promise<boolean> {
    await Promise.race([this.context.resume(), new Promise((resolve) => setTimeout(resolve, 300))]);
    return this.context.state === "running";
  }

  private fade(name: string, value: number): void {
    const parameter = this.node.parameters.get(name)!;
    parameter.setTargetAtTime(value, this.context.currentTime, FADE);
  }

  private hear(state: FromMixer): void {
    if (state.epoch !== this.epoch) return;
    this.state = state;
    this.position = this.base + state.played;
    void this.feed();
    this.onState(state);
  }

  private async feed(): Promise<void> {
    if (this.feeding || !this.recording) return;
    this.feeding = true;
    try {
      while (this.recording) {
        const { recording, epoch } = this;
        const played = this.state?.epoch === epoch ? this.state.played : 0;
        const waiting = this.fed - this.base - played;
        const count = Math.min(8192, recording.length - this.fed);
        if (waiting >= AHEAD * this.context.sampleRate) return;
        if (count <= 0) {
          if (this.complete && this.ended !== epoch) {
            this.ended = epoch;
            this.tell({ type: "end", epoch });
          }
          return;
        }
        const part = await recording.read(this.fed, count);
        if (epoch !== this.epoch) continue;
        this.fed += count;
        this.tell({ type: "feed", epoch, part }, [part.mixture.buffer, part.vocals.buffer, part.accompaniment.buffer]);
      }
    } finally {
      this.feeding = false;
    }
  }

  private tell(message: ToMixer, transfer: Transferable[] = []): void {
    this.node.port.postMessage(message, transfer);
  }
}
