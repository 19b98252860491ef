import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const ASSETS = "../keras_sep/assets";
const LITERT = "node_modules/@litertjs/core/wasm";

/** What lies beside the page: the shipped models, a song, LiteRT.js's runtime with and without relaxed SIMD. */
function companions(): Plugin {
  const presets = JSON.parse(readFileSync(`${ASSETS}/presets.json`, "utf8"));
  const models = Object.values<{ files: { graph: string; file: string }[] }>(presets)
    .flatMap(({ files }) => files)
    .filter(({ graph }) => graph === "waveform")
    .map(({ file }) => file);
  const licences = readdirSync(ASSETS).filter((name) => name.endsWith(".LICENSE"));
  const files = {
    models: ["presets.json", ...models, ...licences].map((name) => join(ASSETS, name)),
    litert: ["litert_wasm_internal", "litert_wasm_compat_internal"].flatMap((name) =>
      [".js", ".wasm"].map((end) => join(LITERT, name + end)),
    ),
    example: [`${ASSETS}/example/mixture.flac`],
  };
  return {
    name: "companions",
    generateBundle() {
      for (const [folder, paths] of Object.entries(files)) {
        for (const path of paths) {
          const fileName = `${folder}/${basename(path)}`;
          this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
        }
      }
    },
  };
}

export default defineConfig({
  base: "./", // any folder of any host
  plugins: [companions()],
  worker: { format: "iife" },
  build: {
    // Into the package, so that the wheel has it and `keras-sep web` finds it; everything there is made here.
    outDir: "../keras_sep/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    reportCompressedSize: false,
  },
  test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
