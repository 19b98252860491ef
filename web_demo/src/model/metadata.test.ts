import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readMetadata } from "./metadata";

const GOLDEN = "../tests/golden";
const read = (name: string) => new Uint8Array(readFileSync(`${GOLDEN}/${name}`));

describe("readMetadata", () => {
  it("reads what Python wrote", async () => {
    const { graph, precision, spec } = await readMetadata(read("unit-waveform-float32.tflite"), "unit");
    expect([graph, precision]).toEqual(["waveform", "float32"]);
    expect(spec).toMatchObject({ sample_rate: 44100, frame_length: 2048, frame_step: 512, sources: ["vocals", "accompaniment"] });
  });

  it("reads what a network sees, if the file says so", async () => {
    const of = async (name: string) => (await readMetadata(read(`${name}-waveform-float32.tflite`), name)).spec.views;
    expect(await of("views")).toEqual(["left", "right", "mid", "side"]);
    expect(await of("unit")).toBeUndefined(); // of the first release
  });

  it.each<[string, (content: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, string]>([
    ["a flipped bit", (content) => content.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)), "its SHA-256 is not the one it carries"],
    ["a cut", (content) => content.slice(0, 600), "damaged"],
    ["another format", () => new Uint8Array(100), "expected a .tflite file. Received: 100 bytes that are not one"],
    ["nothing", () => new Uint8Array(0), "expected a .tflite file. Received: 0 bytes that are not one"],
    ["a mask core", () => read("unit-mask-float32.tflite"), "expected a waveform graph, samples in and stems out. Received: a mask graph"],
  ])("refuses %s", async (_, change, message) => {
    const content = change(read("unit-waveform-float32.tflite"));
    await expect(readMetadata(content, "unit.tflite")).rejects.toThrow(message);
  });
});
