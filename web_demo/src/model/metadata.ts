// The JSON that travels inside every .tflite file of ours (keras_sep/metadata.py is the reference): an entry named
// "keras_sep" of the FlatBuffer's metadata table, with the SHA-256 of the file, its own digest blanked out.

/** What a stream is: keras_sep.StreamSpec. Samples unless the name says otherwise. */
export interface StreamSpec {
  sample_rate: number; // Hz
  num_channels: number;
  frame_length: number;
  frame_step: number;
  fft_length: number;
  window: string;
  sources: string[];
  views?: string[]; // of the mixture, what the network sees; files of the first release have none: the channels
}

export interface Metadata {
  format: number;
  graph: "mask" | "waveform";
  precision: string;
  spec: StreamSpec;
}

/** A message for the person in front of the page: names the value and what was expected. */
export class UserError extends Error {}

/** Samples by which a stem lags behind the mixture: one frame, 2048 = 46.4 ms. */
export const algorithmicLatency = (spec: StreamSpec): number => spec.frame_length;

/** Samples by which a step's stems lag behind the samples it was given: a frame less its own step. */
export const stepDelay = (spec: StreamSpec): number => spec.frame_length - spec.frame_step;

const ENTRY = "keras_sep";
const FORMAT = 1;
// Field numbers in TensorFlow Lite's schema.fbs.
const MODEL_BUFFERS = 4;
const MODEL_METADATA = 6;
const METADATA_NAME = 0;
const METADATA_BUFFER = 1;
const BUFFER_DATA = 0;

/**
 * Reads a .tflite file's metadata after checking that the file is whole and one that this page can run.
 *
 * @param content the file's bytes
 * @param name what to call it in errors
 * @throws UserError not a .tflite file, not ours, damaged, or not a stereo waveform graph
 */
export async function readMetadata(content: Uint8Array<ArrayBuffer>, name: string): Promise<Metadata> {
  if (content.length < 8 || String.fromCharCode(...content.subarray(4, 8)) !== "TFL3") {
    throw new UserError(`${name}: expected a .tflite file. Received: ${content.length} bytes that are not one`);
  }
  let metadata: (Metadata & { sha256: string }) | null = null;
  try {
    const raw = find(content);
    metadata = raw && JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
  } catch {
    throw new UserError(`${name}: the .tflite file is damaged (its tables point outside the file)`);
  }
  if (!metadata) {
    throw new UserError(`${name}: expected a .tflite file made by \`python -m export\`. Received: one without its spec`);
  }
  if (metadata.format !== FORMAT) {
    throw new UserError(`${name}: expected metadata format ${FORMAT}. Received: ${metadata.format}`);
  }
  const digest = await contentDigest(content, metadata.sha256);
  if (digest !== null && digest !== metadata.sha256) {
    throw new UserError(`${name}: the .tflite file is damaged (its SHA-256 is not the one it carries)`);
  }
  if (metadata.graph !== "waveform") {
    throw new UserError(`${name}: expected a waveform graph, samples in and stems out. Received: a ${metadata.graph} graph`);
  }
  const { num_channels: channels, sources } = metadata.spec;
  if (channels !== 2 || !["vocals", "accompaniment"].every((source) => sources.includes(source))) {
    throw new UserError(
      `${name}: expected stereo stems named vocals and accompaniment. Received: ${channels} channels of ${sources}`,
    );
  }
  return metadata;
}

/** SHA-256 of the file with its own digest blanked out; null where the browser has no cryptography (plain http). */
async function contentDigest(content: Uint8Array<ArrayBuffer>, digest: string): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const blanked = content.slice();
  const place = indexOf(blanked, new TextEncoder().encode(digest));
  if (place >= 0) blanked.fill(48, place, place + digest.length); // "0"
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", blanked));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function indexOf(content: Uint8Array, wanted: Uint8Array): number {
  for (let at = content.indexOf(wanted[0]); at >= 0; at = content.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, i) => content[at + i] === byte)) return at;
  }
  return -1;
}

function find(content: Uint8Array<ArrayBuffer>): Uint8Array | null {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength); // throws outside the file
  const field = (table: number, number: number): number => {
    const vtable = table - view.getInt32(table, true);
    const slot = 4 + 2 * number;
    const offset = slot < view.getUint16(vtable, true) ? view.getUint16(vtable + slot, true) : 0;
    return offset ? table + offset : 0;
  };
  const vector = (place: number): [start: number, count: number] => {
    if (!place) return [0, 0];
    const start = place + view.getUint32(place, true);
    return [start + 4, view.getUint32(start, true)];
  };
  const tables = (place: number): number[] => {
    const [start, count] = vector(place);
    if (start + 4 * count > content.length) throw new RangeError("vector outside the file");
    return Array.from({ length: count }, (_, i) => start + 4 * i + view.getUint32(start + 4 * i, true));
  };
  const bytes = (place: number): Uint8Array => {
    const [start, count] = vector(place);
    if (start + count > content.length) throw new RangeError("buffer outside the file");
    return content.subarray(start, start + count);
  };
  const root = view.getUint32(0, true);
  const buffers = tables(field(root, MODEL_BUFFERS));
  for (const entry of tables(field(root, MODEL_METADATA))) {
    if (new TextDecoder().decode(bytes(field(entry, METADATA_NAME))) !== ENTRY) continue;
    const place = field(entry, METADATA_BUFFER);
    return bytes(field(buffers[place ? view.getUint32(place, true) : 0], BUFFER_DATA));
  }
  return null;
}
