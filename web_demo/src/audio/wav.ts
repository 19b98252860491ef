// WAV files of 32-bit floats, which never clip: what `keras-sep separate` writes.

const MAX_BYTES = 2 ** 32 - 64;

/**
 * The header of a file whose samples follow as little-endian interleaved float32.
 *
 * @throws RangeError more than a WAV file's 4 GiB
 */
export function wavHeader(numSamples: number, numChannels: number, sampleRate: number): Uint8Array<ArrayBuffer> {
  const bytes = numSamples * numChannels * 4;
  if (bytes > MAX_BYTES) throw new RangeError(`expected at most 4 GiB in a WAV file. Received: ${bytes} bytes`);
  const header = new Uint8Array(58);
  const view = new DataView(header.buffer);
  const text = (at: number, letters: string) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 50 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 18, true);
  view.setUint16(20, 3, true); // IEEE float
  view.setUint16(22, numChannels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * numChannels * 4, true);
  view.setUint16(32, numChannels * 4, true);
  view.setUint16(34, 32, true);
  text(38, "fact");
  view.setUint32(42, 4, true);
  view.setUint32(46, numSamples, true);
  text(50, "data");
  view.setUint32(54, bytes, true);
  return header;
}
