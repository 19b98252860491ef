// The network's thread as the page sees it.
import SeparatorWorker from "../threads/separator.worker.ts?worker";
import { UserError, type StreamSpec } from "./metadata";
import type { Part } from "./stream";
import type { FromWorker, Stats, StepTimes, ToWorker } from "../threads/protocol";

export interface Ready {
  spec: StreamSpec;
  warmUp: StepTimes;
}

export class Separator {
  onPart: (part: Part) => void = () => {};
  onStats: (stats: Stats) => void = () => {};
  onDone: (seconds: number, stats: Stats) => void = () => {};
  onError: (error: Error) => void = () => {};

  private readonly worker = new SeparatorWorker({ name: "separator" });
  private job = 0;
  private loading: { resolve: (ready: Ready) => void; reject: (error: Error) => void } | null = null;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.hear(data);
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "the separator's thread could not be started");
      this.loading?.reject(error);
      this.loading = null;
      this.onError(error);
    };
  }

  /** @param runtime folder of LiteRT.js's files @throws UserError a file that is not ours or cannot be run */
  load(runtime: string, content: Uint8Array<ArrayBuffer>, name: string): Promise<Ready> {
    this.job += 1;
    return new Promise((resolve, reject) => {
      this.loading = { resolve, reject };
      this.tell({ type: "load", runtime, content, name }, [content.buffer]);
    });
  }

  /** Separates a whole song as fast as it can; what was going on before ends. */
  separateFile(left: Float32Array, right: Float32Array): void {
    this.job += 1;
    this.tell({ type: "file", job: this.job, left, right }, [left.buffer, right.buffer]);
  }

  /** Separates what comes through a port, until `stop`. */
  separateLive(port: MessagePort): void {
    this.job += 1;
    this.tell({ type: "live", job: this.job, port }, [port]);
  }

  /** Whether `onPart` hears what is separated live. */
  record(on: boolean): void {
    this.tell({ type: "record", on });
  }

  stop(): void {
    this.job += 1;
    this.tell({ type: "stop" });
  }

  private hear(message: FromWorker): void {
    if (message.type === "ready") {
      this.loading?.resolve(message);
      this.loading = null;
      return;
    }
    if (message.type === "error") {
      const error = message.name ? new UserError(message.message) : new Error(message.message);
      if (this.loading && message.job === 0) {
        this.loading.reject(error);
        this.loading = null;
      } else if (message.job === this.job) this.onError(error);
      return;
    }
    if (message.job !== this.job) return;
    if (message.type === "part") this.onPart(message.part);
    else if (message.type === "stats") this.onStats(message.stats);
    else this.onDone(message.seconds, message.stats);
  }

  private tell(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker.postMessage(message, transfer);
  }
}
