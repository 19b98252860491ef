"""The formats that stems are written in."""

from __future__ import annotations

from dataclasses import dataclass

from keras_sep.errors import AudioError


@dataclass(frozen=True)
class Format:
    """A format that stems are written in.

    Attributes:
        name: what users call it.
        suffix: of file names, with the dot.
        description: a few words for a help text.
        container, codec: FFmpeg's names.
        most_channels: that it holds.
        highest_rate: Hz, the highest sample rate that it holds.
        sample_rates: Hz, ascending, where it holds these only: audio of another rate is resampled to the next of
            them, or the highest. Empty where it holds any rate up to `highest_rate`; higher ones are refused.
        bitrates: kbit/s, lowest and highest; None where a bit rate does not apply.
        bitrate: kbit/s of mono and stereo unless another is asked for; as much for each further pair of channels.
        clips: it cannot hold samples beyond ±1.
        holds_cover: it can carry a picture.
    """

    name: str
    suffix: str
    description: str
    container: str
    codec: str
    most_channels: int
    highest_rate: int
    sample_rates: tuple[int, ...] = ()
    bitrates: tuple[int, int] | None = None
    bitrate: int | None = None
    clips: bool = True
    holds_cover: bool = True

    def rate_for(self, sample_rate: int) -> int:
        """Returns the sample rate (Hz) that audio of `sample_rate` is stored with."""
        if not self.sample_rates:
            return sample_rate
        return next((rate for rate in self.sample_rates if rate >= sample_rate), self.highest_rate)

    def bitrate_for(self, num_channels: int) -> int | None:
        """Returns the bit rate (kbit/s) unless another is asked for, or None where none applies."""
        if self.bitrate is None or self.bitrates is None:
            return None
        return min(self.bitrate * -(-num_channels // 2), self.bitrates[1])

    def require(self, sample_rate: int, num_channels: int, bitrate: int | None, name: str) -> None:
        """Raises AudioError, beginning with `name`, if the format cannot hold this."""
        if num_channels > self.most_channels:
            raise AudioError(
                f"{name}: cannot write: expected at most {self.most_channels} channels as {self.name}. "
                f"Received: {num_channels}"
            )
        if not self.sample_rates and sample_rate > self.highest_rate:
            raise AudioError(
                f"{name}: cannot write: expected at most {self.highest_rate} Hz as {self.name}. Received: {sample_rate}"
            )
        if bitrate is None:
            return
        if self.bitrates is None:
            raise AudioError(f"{name}: cannot write: {self.name} takes no bit rate. Received: {bitrate} kbit/s")
        if not self.bitrates[0] <= bitrate <= self.bitrates[1]:
            raise AudioError(
                f"{name}: cannot write: expected {self.bitrates[0]} to {self.bitrates[1]} kbit/s as {self.name}. "
                f"Received: {bitrate}"
            )


_WAV = {"suffix": ".wav", "container": "wav", "most_channels": 65535, "highest_rate": 768000, "holds_cover": False}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)

FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("wav", description="32-bit float, never clips", codec="pcm_f32le", clips=False, **_WAV),  # type: ignore[arg-type]
        Format("wav16", description="16 bit", codec="pcm_s16le", **_WAV),  # type: ignore[arg-type]
        Format("wav24", description="24 bit", codec="pcm_s24le", **_WAV),  # type: ignore[arg-type]
        Format("flac", ".flac", "24 bit, lossless", "flac", "flac", 8, 655350),
        Format("ogg", ".ogg", "Vorbis", "ogg", "libvorbis", 8, 200000),
        Format("mp3", ".mp3", "MP3", "mp3", "libmp3lame", 2, 48000, _MP3_RATES, (32, 320), 320),
        Format("m4a", ".m4a", "AAC", "mp4", "aac", 6, 96000, _AAC_RATES, (32, 512), 256),
        Format("opus", ".opus", "Opus, always at 48000 Hz", "ogg", "libopus", 2, 48000, (48000,), (16, 510), 192),
    )
}
