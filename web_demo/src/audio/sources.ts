// Where music comes from: a file, a microphone, another tab.
import { UserError } from "../model/metadata";

const LARGE = 50e6; // bytes of a file

/** Planar stereo at the model's rate. */
export interface Song {
  name: string;
  left: Float32Array;
  right: Float32Array;
  /** What the listener should know about it. */
  note: string;
}

/**
 * Decodes a file with the browser's own decoders, resampled to the model's rate.
 *
 * @throws UserError names the file and what is wrong with it
 */
export async function decodeSong(file: File, sampleRate: number, leastSamples: number): Promise<Song> {
  if (file.size === 0) throw new UserError(`${file.name}: expected audio. Received: an empty file`);
  const content = await file.arrayBuffer().catch((error: unknown) => {
    throw new UserError(`${file.name}: the browser cannot read it: ${error instanceof Error ? error.message : error}`);
  });
  let buffer: AudioBuffer;
  try {
    buffer = await new OfflineAudioContext(2, 1, sampleRate).decodeAudioData(content);
  } catch {
    const memory = file.size > LARGE ? " and has the memory for (20 MB a minute)" : "";
    throw new UserError(`${file.name}: expected an audio file that this browser can play${memory}. Received: ${kind(file)}`);
  }
  if (buffer.length < leastSamples) {
    const least = ((1000 * leastSamples) / sampleRate).toFixed(0);
    throw new UserError(`${file.name}: expected at least ${least} ms of audio. Received: ${buffer.length} samples`);
  }
  const left = buffer.getChannelData(0).slice();
  const right = buffer.getChannelData(Math.min(1, buffer.numberOfChannels - 1)).slice();
  const more = buffer.numberOfChannels > 2;
  return { name: file.name, left, right, note: more ? `Of ${buffer.numberOfChannels} channels, the first two.` : "" };
}

function kind(file: File): string {
  return file.type ? `${file.type}, ${file.size} bytes` : `${file.size} bytes of an unknown kind`;
}

/**
 * Asks for the microphone or line-in, without what telephones do to voices.
 *
 * @throws UserError why there is none
 */
export async function openMicrophone(): Promise<MediaStream> {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 2 } };
  return ask("the microphone", () => navigator.mediaDevices.getUserMedia({ audio }));
}

/**
 * Asks for the sound of another tab or window, silenced there where the browser can.
 *
 * @throws UserError why there is none
 */
export async function openTab(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getDisplayMedia) {
    throw new UserError("This browser cannot capture a tab: expected one of Chrome, Edge or Opera on a desktop computer.");
  }
  const options = {
    video: { frameRate: { max: 1 } }, // there is no asking for sound alone
    audio: { suppressLocalAudioPlayback: true, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    systemAudio: "exclude", // it holds what this page plays
    selfBrowserSurface: "exclude",
  };
  const stream = await ask("a tab", () => navigator.mediaDevices.getDisplayMedia(options as DisplayMediaStreamOptions));
  if (stream.getAudioTracks().length === 0) {
    stream.getTracks().forEach((track) => track.stop());
    throw new UserError("Expected a tab with its sound. Received: a picture alone; tick “Also share tab audio”, which Chrome, Edge and Opera offer.");
  }
  return stream;
}

async function ask(what: string, open: () => Promise<MediaStream>): Promise<MediaStream> {
  if (!navigator.mediaDevices) {
    throw new UserError(`The browser gives ${what} to pages on localhost or https only. Received: ${location.origin}`);
  }
  try {
    return await open();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new UserError(`The browser was not allowed to open ${what}.`);
    if (name === "NotFoundError") throw new UserError(`The browser found nothing to open for ${what}.`);
    throw new UserError(`The browser could not open ${what}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * A stream as a node.
 *
 * @throws UserError the browser cannot bring it to the context's rate (Firefox, where the device has another)
 */
export function sourceNode(context: AudioContext, stream: MediaStream): MediaStreamAudioSourceNode {
  try {
    return context.createMediaStreamSource(stream);
  } catch {
    throw new UserError(
      `This browser cannot bring the device's sound to the model's ${context.sampleRate} Hz: ` +
        `set the device to that rate, or use Chrome, Edge or Safari. Files work here.`,
    );
  }
}
