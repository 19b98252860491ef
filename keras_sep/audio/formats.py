"""Audio formats that stems can be written in."""

from __future__ import annotations

from dataclasses import dataclass

from keras_sep.errors import AudioError


@dataclass(frozen=True)
class Format:
    """Format that stems can be written in, with its limits.

    Attributes:
        name: name in the option `--format`, such as "wav24".
        suffix: suffix of file names, with the dot.
        description: a few words about it.
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the codec.
        most_channels: largest number of channels.
        highest_rate: highest sample rate in Hz.
        sample_rates: the only sample rates of the format in Hz, ascending; audio of another rate is resampled to the
            next higher one, or to the highest. Empty for a format of any rate up to `highest_rate`, which refuses
            higher ones.
        bitrates: lowest and highest bit rate in kbit/s; None for a format without a choice.
        bitrate: default bit rate of mono and stereo in kbit/s; each further pair of channels adds as much.
        clips: whether samples beyond ±1 are clipped.
        holds_cover: whether a file can carry a cover picture.
        bitrate_per_channel: highest bit rate of a channel in kbit/s, where it is less than that of `bitrates`.

    Examples:
        >>> from keras_sep.audio import FORMATS
        >>> mp3 = FORMATS["mp3"]
        >>> mp3.suffix, mp3.rate_for(96000), mp3.bitrate_for(num_channels=2)
        ('.mp3', 48000, 320)
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
    bitrate_per_channel: int | None = None

    def rate_for(self, sample_rate: int) -> int:
        """Returns the sample rate in Hz at which audio of `sample_rate` is stored."""
        if not self.sample_rates:
            return sample_rate
        return next((rate for rate in self.sample_rates if rate >= sample_rate), self.highest_rate)

    def bitrate_for(self, num_channels: int) -> int | None:
        """Returns the default bit rate in kbit/s, or None for a format without a choice."""
        if self.bitrate is None or self.bitrates is None:
            return None
        return min(self.bitrate * -(-num_channels // 2), self.bitrates[1])

    def require(self, sample_rate: int, num_channels: int, bitrate: int | None, name: str) -> None:
        """Raises AudioError, with a message that begins with `name`, if the format cannot store such audio."""
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
        lowest, highest = self.bitrates
        if self.bitrate_per_channel:
            highest = min(highest, self.bitrate_per_channel * num_channels)
        if not lowest <= bitrate <= highest:
            channels = f" of {num_channels} channel{'s' * (num_channels > 1)}" if self.bitrate_per_channel else ""
            raise AudioError(
                f"{name}: cannot write: expected {lowest} to {highest} kbit/s as {self.name}{channels}. "
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
        Format(
            "opus",
            ".opus",
            "Opus, always at 48000 Hz",
            "ogg",
            "libopus",
            2,
            48000,
            (48000,),
            (16, 510),
            192,
            bitrate_per_channel=256,
        ),
    )
}
