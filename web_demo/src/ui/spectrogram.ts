// A spectrogram that runs from right to left, a column a picture: what an analyser hears, 40 Hz to 16 kHz.

const LOW = 40; // Hz
const HIGH = 16000;
const FLOOR = -100; // dB
const CEILING = -20;

/** Black, violet, orange, white: lightness grows all the way, also for who sees no colours. */
const STOPS = [
  [6, 6, 12],
  [43, 19, 84],
  [124, 34, 104],
  [214, 83, 60],
  [250, 170, 60],
  [255, 250, 210],
];

export class Spectrogram {
  private readonly context: CanvasRenderingContext2D;
  private readonly column: ImageData;
  private readonly decibels: Float32Array<ArrayBuffer>;
  private readonly bins: Float32Array;
  private static readonly colours = palette();

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly analyser: AnalyserNode,
    width = 480,
    height = 128,
  ) {
    canvas.width = width;
    canvas.height = height;
    this.context = canvas.getContext("2d", { alpha: false })!;
    this.column = this.context.createImageData(1, height);
    this.decibels = new Float32Array(analyser.frequencyBinCount);
    const perBin = analyser.context.sampleRate / analyser.fftSize;
    this.bins = Float32Array.from({ length: height }, (_, y) => (LOW * (HIGH / LOW) ** (1 - y / (height - 1))) / perBin);
    this.clear();
  }

  clear(): void {
    const [red, green, blue] = STOPS[0];
    this.context.fillStyle = `rgb(${red} ${green} ${blue})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(): void {
    const { canvas, context, column, decibels } = this;
    this.analyser.getFloatFrequencyData(decibels);
    context.drawImage(canvas, -1, 0);
    this.bins.forEach((bin, y) => {
      // Where the picture's rows are finer than the bins, between two of them; where they are coarser, the loudest.
      const low = Math.floor(bin);
      const high = Math.ceil(y > 0 ? this.bins[y - 1] : bin);
      let level = decibels[low] + (bin - low) * ((decibels[low + 1] ?? FLOOR) - decibels[low]);
      for (let k = low + 1; k < high; k++) level = Math.max(level, decibels[k]);
      const share = Math.min(1, Math.max(0, (level - FLOOR) / (CEILING - FLOOR))) || 0; // −∞ − −∞ is NaN
      column.data.set(Spectrogram.colours.subarray(4 * Math.round(255 * share), 4 * Math.round(255 * share) + 4), 4 * y);
    });
    context.putImageData(column, canvas.width - 1, 0);
  }
}

function palette(): Uint8ClampedArray {
  const colours = new Uint8ClampedArray(4 * 256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (STOPS.length - 1);
    const low = Math.min(STOPS.length - 2, Math.floor(at));
    STOPS[low].forEach((value, c) => (colours[4 * i + c] = value + (at - low) * (STOPS[low + 1][c] - value)));
    colours[4 * i + 3] = 255;
  }
  return colours;
}
