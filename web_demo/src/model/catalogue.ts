// The models that this page came with: keras_sep's own presets.json.
import { UserError } from "./metadata";

export interface ModelFile {
  preset: string;
  description: string;
  licence: string;
  precision: string;
  file: string;
  bytes: number;
}

interface Presets {
  [name: string]: {
    description: string;
    licence: string;
    files: { graph: string; precision: string; file: string; bytes: number }[];
  };
}

/** LiteRT.js has fast kernels for these; the small one first. */
const PRECISIONS = ["dynamic_int8", "float16", "float32"];

/** The files that this page can run, the preferred one first. */
export async function listModels(folder: string): Promise<ModelFile[]> {
  const presets: Presets = await (await fetchOk(`${folder}presets.json`)).json();
  const files = Object.entries(presets).flatMap(([preset, { description, licence, files }]) =>
    files
      .filter(({ graph, precision }) => graph === "waveform" && PRECISIONS.includes(precision))
      .sort((a, b) => PRECISIONS.indexOf(a.precision) - PRECISIONS.indexOf(b.precision))
      .map(({ precision, file, bytes }) => ({ preset, description, licence, precision, file, bytes })),
  );
  if (!files.length) throw new UserError(`${folder}presets.json: expected a waveform model. Received: none`);
  return files;
}

export async function fetchOk(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) {
    throw new UserError(`${url}: expected a file. Received: ${response ? `status ${response.status}` : "no answer"}`);
  }
  return response;
}
