// The page: what is open, what is heard, what is shown.
import { decodeSong, openMicrophone, openTab, sourceNode } from "./audio/sources";
import { Player, type Gain } from "./audio/player";
import { Recording, TRACKS, type Track } from "./audio/recording";
import { fetchOk, listModels, type ModelFile } from "./model/catalogue";
import { algorithmicLatency, readMetadata, UserError, type StreamSpec } from "./model/metadata";
import { Separator } from "./model/separator";
import type { FromMixer, Stats } from "./threads/protocol";
import { Spectrogram } from "./ui/spectrogram";

const MODELS = new URL("models/", location.href).href;
const RUNTIME = new URL("litert/", location.href).href;
const EXAMPLE = new URL("example/mixture.flac", location.href).href;
const PREFILL = 1024; // samples that wait before live sound is played: two steps, 23 ms
const SLOW = 0.7; // of real time: above it, other work of the device makes gaps

const element = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const button = (id: string) => element<HTMLButtonElement>(id);
const input = (id: string) => element<HTMLInputElement>(id);

class Page {
  private readonly separator = new Separator();
  private models: ModelFile[] = [];
  private spec: StreamSpec | null = null;
  private player: Player | null = null;
  private opening: Promise<Player> | null = null;
  private openingRate = 0;
  private asked = 0;
  private chosen = 0; // index of the model, −1 for the listener's own
  private views: Spectrogram[] = [];
  private recording: Recording | null = null;
  private name = "";
  private total = 0; // samples of the song, 0 when live
  private begun = 0;
  private playing = false;
  private original = false;
  private stream: MediaStream | null = null;
  private liveRecording = false;
  private mixer: FromMixer | null = null;
  private overruns = 0;
  private readonly levels = new Float32Array(2048);

  async start(): Promise<void> {
    this.bind();
    this.separator.onError = (error) => {
      if (this.stream) this.stopLive();
      else this.close();
      this.fail(error);
    };
    this.separator.onStats = (stats) => this.showStats(stats);
    this.separator.onDone = (seconds, stats) => this.done(seconds, stats);
    this.separator.onPart = (part) => {
      this.recording?.append(part);
      this.showProgress();
    };
    try {
      this.models = await listModels(MODELS);
      const select = element<HTMLSelectElement>("model");
      for (const [index, { preset, precision, bytes }] of this.models.entries()) {
        select.add(new Option(`${preset}, ${precision}, ${(bytes / 1e6).toFixed(1)} MB`, String(index)));
      }
      await this.choose(0);
      requestAnimationFrame(() => this.draw());
    } catch (error) {
      this.fail(error);
      element("status").textContent = "";
    }
  }

  // Models.

  private async choose(index: number): Promise<void> {
    const model = this.models[index];
    this.ready(false);
    try {
      const response = await fetchOk(MODELS + model.file);
      await this.load(new Uint8Array(await response.arrayBuffer()), model.file);
      this.chosen = index;
    } finally {
      this.ready(this.spec !== null);
      element<HTMLSelectElement>("model").selectedIndex = this.chosen; // as before, if it failed
    }
    element("model-note").textContent = `${model.description}. Weights: ${model.licence}.`;
    element<HTMLAnchorElement>("licence").href = `models/${model.preset}.LICENSE`;
    element("licence").textContent = model.licence;
  }

  private async load(content: Uint8Array<ArrayBuffer>, name: string): Promise<void> {
    await readMetadata(content, name); // what cannot be loaded closes nothing
    this.begin();
    this.close();
    this.ready(false);
    this.say("Loading the model…");
    try {
      const { spec, warmUp } = await this.separator.load(RUNTIME, content, name);
      this.spec = spec;
      this.showTimes(warmUp.p50, warmUp.p99);
      const step = (1000 * spec.frame_step) / spec.sample_rate;
      this.warnSlow(warmUp.p50 / step);
      this.say("Ready.");
      document.documentElement.dataset.model = name;
    } finally {
      this.ready(this.spec !== null);
    }
  }

  private ready(on: boolean): void {
    for (const id of ["example", "microphone", "tab", "model"]) button(id).disabled = !on;
    input("file").disabled = !on;
    element("drop").classList.toggle("disabled", !on);
  }

  // Sources.

  /** Of several things that were asked for, the last one counts: returns whether this still is the last. */
  private begin(): () => boolean {
    const mine = ++this.asked;
    return () => mine === this.asked;
  }

  private async openFile(file: File): Promise<void> {
    if (file.name.endsWith(".tflite")) {
      await this.load(new Uint8Array(await file.arrayBuffer()), file.name);
      this.chosen = element<HTMLSelectElement>("model").selectedIndex = -1;
      element("model-note").textContent = `${file.name}, your own.`;
      return;
    }
    const spec = this.spec!;
    const current = this.begin();
    const opening = this.openPlayer(); // now, while the click counts
    this.say(`Decoding ${file.name}…`);
    const [song, player] = await Promise.all([decodeSong(file, spec.sample_rate, spec.frame_length), opening]).catch(
      (error: unknown) => {
        if (current()) throw error;
        return [null, null] as const;
      },
    );
    if (!song || !current()) return;
    this.show(song.name, "file");
    this.total = song.left.length;
    this.recording = new Recording(spec.sample_rate);
    this.begun = performance.now();
    this.say(`Separating ${song.name}… ${song.note}`);
    this.separator.separateFile(song.left, song.right);
    player.load(this.recording);
    this.showProgress();
    await this.play(true);
  }

  private async openLive(open: () => Promise<MediaStream>, title: string): Promise<void> {
    const spec = this.spec!;
    const current = this.begin();
    const opening = this.openPlayer();
    const stream = await open();
    const player = await opening.catch((error: unknown) => {
      stop(stream);
      throw error;
    });
    if (!current()) return stop(stream);
    this.show(title, "live");
    this.stream = stream;
    for (const track of stream.getAudioTracks()) {
      track.onended = () => {
        if (this.stream !== stream) return;
        this.stopLive();
        this.fail(new UserError(`${title}: the device or the tab has gone; choose it again.`));
      };
    }
    try {
      const source = sourceNode(player.context, stream);
      const { port1, port2 } = new MessageChannel();
      this.recording = new Recording(spec.sample_rate);
      this.separator.separateLive(port1);
      await player.live(source, port2, PREFILL);
      this.say("Live.");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends what was open and shows the stage for what comes. */
  private show(title: string, kind: "file" | "live"): void {
    this.close();
    this.name = title;
    element("title").textContent = title;
    element("stage").hidden = false;
    element("live-controls").hidden = kind !== "live";
    element("transport").hidden = element("progress-box").hidden = kind !== "file";
    element("downloads").hidden = true;
    element("recorded").textContent = "";
    button("stop").disabled = button("record").disabled = false;
    this.views.forEach((view) => view.clear());
    document.documentElement.dataset.state = kind;
  }

  /** The player at the model's rate, made once. */
  private openPlayer(): Promise<Player> {
    const rate = this.spec!.sample_rate;
    if (!this.opening || this.openingRate !== rate) {
      void this.player?.close();
      this.player = null;
      this.openingRate = rate;
      this.opening = this.makePlayer(rate).catch((error: unknown) => {
        this.opening = null;
        throw error;
      });
    }
    return this.opening;
  }

  private async makePlayer(rate: number): Promise<Player> {
    const player = await Player.open(rate);
    player.onState = (state) => this.hear(state);
    this.views = TRACKS.map((track) => new Spectrogram(element<HTMLCanvasElement>(`${track}-view`), player.analysers[track]));
    this.player = player;
    this.mix();
    player.setOriginal(this.original);
    return player;
  }

  private close(): void {
    this.separator.stop();
    this.player?.stop();
    stop(this.stream);
    this.stream = null;
    this.recording = null;
    this.total = this.overruns = 0;
    this.mixer = null;
    this.setRecord(false);
    this.showPlaying(false);
    element("stage").hidden = true;
    element("error").hidden = true;
    delete document.documentElement.dataset.state;
  }

  private stopLive(): void {
    this.setRecord(false);
    this.separator.stop();
    this.player?.stop();
    stop(this.stream);
    this.stream = null;
    button("stop").disabled = button("record").disabled = true;
    document.documentElement.dataset.state = "stopped";
    this.say("Stopped.");
  }

  private setRecord(on: boolean): void {
    if (on && this.spec) this.recording = new Recording(this.spec.sample_rate);
    if (on !== this.liveRecording) this.separator.record(on);
    this.liveRecording = on;
    button("record").setAttribute("aria-pressed", String(on));
    button("record").textContent = on ? "Stop recording" : "Record";
    element("downloads").hidden = on || !this.recording?.length;
  }

  private done(seconds: number, stats: Stats): void {
    this.showStats(stats);
    this.player?.finish();
    this.showProgress();
    element("downloads").hidden = false;
    const song = this.total / this.spec!.sample_rate;
    this.say(`${clock(song)} separated in ${seconds.toFixed(1)} s, ${(song / seconds).toFixed(0)} times as fast as it plays.`);
    document.documentElement.dataset.state = "separated";
    document.documentElement.dataset.seconds = seconds.toFixed(3);
  }

  // Playing.

  private async play(on: boolean): Promise<void> {
    if (!this.player || !this.total) return;
    if (on && this.player.position >= this.total) this.player.seek(0);
    this.showPlaying(on);
    if (!(await this.player.play(on))) {
      this.showPlaying(false);
      this.say("Press Play: the browser wants a click before there is sound.");
    }
  }

  private hear(state: FromMixer): void {
    if (!this.stream && !this.total) return;
    this.mixer = state;
    if (state.ended && this.playing && this.total) void this.play(false);
    if (this.total) this.showPosition();
    if (this.stream) this.showLatency();
    if (this.liveRecording) element("recorded").textContent = clock(this.recording!.length / this.spec!.sample_rate);
    element("runs").textContent = `${state.underruns} / ${state.overruns + this.overruns}`;
  }

  private mix(): void {
    for (const stem of ["vocals", "accompaniment"] as Gain[]) {
      const slider = input(stem);
      const db = Number(slider.value);
      const text = db <= -60 ? "silent" : `${db > 0 ? "+" : ""}${db} dB`.replace("-", "−");
      element(`${stem}-db`).textContent = text;
      slider.setAttribute("aria-valuetext", text);
      this.player?.setGain(stem, db);
    }
  }

  private setMix(vocals: number, accompaniment: number): void {
    input("vocals").value = String(vocals);
    input("accompaniment").value = String(accompaniment);
    if (this.original) this.toggleOriginal();
    this.mix();
  }

  private toggleOriginal(): void {
    this.original = !this.original;
    button("original").setAttribute("aria-pressed", String(this.original));
    this.player?.setOriginal(this.original);
  }

  private download(track: Track): void {
    if (!this.recording) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(this.recording.wav(track));
    link.download = `${this.name.replace(/\.[^.]+$/, "")} - ${track}.wav`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  // What is shown.

  private draw(): void {
    requestAnimationFrame(() => this.draw());
    if (!this.player) return;
    if (this.playing || this.stream) this.views.forEach((view) => view.draw());
    this.player.analysers.output.getFloatTimeDomainData(this.levels);
    const power = this.levels.reduce((sum, x) => sum + x * x, 0) / this.levels.length;
    const db = Math.max(-60, Math.min(0, 10 * Math.log10(power + 1e-12)));
    const meter = element("level");
    meter.setAttribute("aria-valuenow", db.toFixed(0));
    meter.dataset.db = (10 * Math.log10(power + 1e-12)).toFixed(2);
    (meter.firstElementChild as HTMLElement).style.transform = `scaleX(${(db + 60) / 60})`;
  }

  private showPlaying(on: boolean): void {
    this.playing = on;
    button("play").textContent = on ? "Pause" : "Play";
  }

  private showProgress(): void {
    if (!this.total || !this.recording) return;
    const share = this.recording.length / this.total;
    element<HTMLProgressElement>("progress").value = share;
    const left = ((performance.now() - this.begun) / 1000) * (1 / Math.max(share, 1e-3) - 1);
    element("progress-text").textContent = share < 1 ? `${Math.floor(100 * share)} %, ${clock(Math.ceil(left))} to go` : "100 %";
  }

  private showPosition(): void {
    const { sample_rate: rate } = this.spec!;
    const position = Math.min(this.player!.position, this.total);
    const text = `${clock(position / rate)} / ${clock(this.total / rate)}`;
    if (element("time").textContent !== text) {
      element("time").textContent = text;
      input("position").setAttribute("aria-valuetext", text);
    }
    input("position").value = String(position / this.total);
  }

  private showLatency(): void {
    const { sample_rate: rate } = this.spec!;
    const settings = this.stream!.getAudioTracks()[0]?.getSettings() as { latency?: number } | undefined;
    const waiting = (algorithmicLatency(this.spec!) + (this.mixer?.level ?? 0)) / rate;
    const total = waiting + (settings?.latency ?? 0) + this.player!.outputLatency;
    element("latency").textContent = `${(1000 * total).toFixed(0)} ms`;
    element("latency").title = `${((1000 * algorithmicLatency(this.spec!)) / rate).toFixed(1)} ms of it by the algorithm`;
  }

  private showStats(stats: Stats): void {
    this.showTimes(stats.p50, stats.p99);
    this.overruns = stats.overruns;
    const percent = 100 * stats.load;
    element("load").textContent = `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} % of real time`;
    if (!this.stream) {
      const latency = (1000 * algorithmicLatency(this.spec!)) / this.spec!.sample_rate;
      element("latency").textContent = `${latency.toFixed(0)} ms, algorithm`;
    }
    this.warnSlow(stats.load);
  }

  private showTimes(p50: number, p99: number): void {
    element("p50").textContent = `${p50.toFixed(2)} ms`;
    element("p99").textContent = `${p99.toFixed(2)} ms`;
  }

  private warnSlow(load: number): void {
    const slow = element("slow");
    if (slow.hidden === load <= SLOW) return; // said once, not at every figure
    slow.hidden = load <= SLOW;
    slow.textContent =
      `This device needs ${(100 * load).toFixed(0)} % of real time for the network: live sound may have gaps. ` +
      `Files are separated all the same; the dynamic_int8 model is the fastest.`;
  }

  private say(text: string): void {
    element("status").textContent = text.trim();
    element("error").hidden = true;
  }

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    element("error").textContent = error instanceof UserError ? message : `Something went wrong: ${message}`;
    element("error").hidden = false;
    if (element("status").textContent?.endsWith("…") && document.documentElement.dataset.state !== "file") {
      element("status").textContent = this.spec ? "Ready." : "";
    }
  }

  // Hands and keys.

  private bind(): void {
    const act = (work: () => Promise<unknown> | void) => () => {
      Promise.resolve()
        .then(work)
        .catch((error) => this.fail(error));
    };
    const on = (id: string, work: () => Promise<unknown> | void) => button(id).addEventListener("click", act(work));

    input("file").addEventListener("change", () => {
      const [file] = input("file").files ?? [];
      if (file) act(() => this.openFile(file))();
      input("file").value = "";
    });
    on("example", async () => {
      const blob = await (await fetchOk(EXAMPLE)).blob();
      await this.openFile(new File([blob], "Country1 (example).flac", { type: "audio/flac" }));
    });
    on("microphone", () => this.openLive(openMicrophone, "Microphone"));
    on("tab", () => this.openLive(openTab, "Captured tab"));
    on("play", () => this.play(!this.playing));
    on("stop", () => this.stopLive());
    on("record", () => this.setRecord(!this.liveRecording));
    on("karaoke", () => this.setMix(-60, 0));
    on("solo", () => this.setMix(0, -60));
    on("both", () => this.setMix(0, 0));
    on("original", () => this.toggleOriginal());
    for (const track of TRACKS) on(`download-${track}`, () => this.download(track));
    input("vocals").addEventListener("input", () => this.mix());
    input("accompaniment").addEventListener("input", () => this.mix());
    input("position").addEventListener("input", () => {
      if (this.total) this.player?.seek(Math.floor(Number(input("position").value) * this.total));
    });
    element("model").addEventListener(
      "change",
      act(() => this.choose(element<HTMLSelectElement>("model").selectedIndex)),
    );

    const drop = element("drop");
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    document.addEventListener("dragleave", () => drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const file = event.dataTransfer?.files[0];
      if (file && !input("file").disabled) act(() => this.openFile(file))();
    });

    const keys: Record<string, string> = { k: "karaoke", v: "solo", b: "both", o: "original", r: "record" };
    document.addEventListener("keydown", (event) => {
      const target = event.target as HTMLElement;
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || target.closest("select")) return;
      if (event.key === " " && !target.closest("button, summary, a, label")) {
        event.preventDefault();
        act(() => this.play(!this.playing))();
      }
      const id = keys[event.key.toLowerCase()];
      if (id && !element("stage").hidden && (id !== "record" || !element("live-controls").hidden)) button(id).click();
    });

    const theme = button("theme");
    const dark = () => {
      const chosen = document.documentElement.dataset.theme;
      return chosen ? chosen === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
    };
    const label = () => {
      theme.textContent = dark() ? "Light" : "Dark";
      theme.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours");
    };
    theme.addEventListener("click", () => {
      document.documentElement.dataset.theme = dark() ? "light" : "dark";
      label();
    });
    label();
  }
}

function stop(stream: MediaStream | null): void {
  stream?.getTracks().forEach((track) => track.stop());
}

/** Minutes and seconds. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

void new Page().start();
