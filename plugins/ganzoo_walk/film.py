"""Writes frames to one film: GIF and WebP with Pillow, MP4 (H.264) with the ffmpeg of imageio-ffmpeg."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from PIL import Image

from ganzoo.cli.options import check_file
from ganzoo.errors import GanzooError, WriteFailed
from ganzoo.utils.files import whole_file, write_whole, writing

NEEDED = "imageio_ffmpeg"  # only for MP4
FASTEST = {".gif": 50, ".webp": 100, ".mp4": 120}  # frames a second; browsers slow down a faster GIF
LARGEST = 4096  # pixels of a side at most
CLEAR = 256  # pixels of a side at least, by default


def check_film(file: Path, fps: float) -> None:
    """Raise GanzooError if the suffix or the speed is not supported, or if a package is missing."""
    suffix = file.suffix.lower()
    if suffix not in FASTEST:
        raise GanzooError(f"cannot write {file}: a film ends with one of {', '.join(FASTEST)}")
    if not 1 <= fps <= FASTEST[suffix]:
        raise GanzooError(f"--fps is {fps:g}, must be 1 to {FASTEST[suffix]} for a {suffix}")
    check_file(file)
    if suffix == ".mp4" and importlib.util.find_spec(NEEDED) is None:
        raise GanzooError("an .mp4 needs imageio-ffmpeg: pip install 'ganzoo[video]'; a .gif or .webp needs nothing")


def enlargement(size: int, wanted: int | None) -> int:
    """Return the factor by which to enlarge images; by default it makes the film at least ``CLEAR`` pixels wide.

    Raises GanzooError if ``wanted`` is below 1 or makes the film wider than ``LARGEST`` pixels.
    """
    scale = -(-CLEAR // size) if wanted is None else wanted
    if scale < 1 or (wanted is not None and scale * size > LARGEST):
        raise GanzooError(f"--scale is {scale}, must be 1 to {max(1, LARGEST // size)} for images of {size} pixels")
    return scale


def write_film(frames: Iterable[Image.Image], file: Path, fps: float) -> None:
    """Write a film that repeats for ever, completely or not at all.

    frames: one or more images of one size, of mode L or RGB. Raises GanzooError as :func:`check_film` does, and
    WriteFailed if the disk or the encoder fails.
    """
    check_film(file, fps)
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[file.suffix.lower()](iter(frames), file, fps)


def _write_gif(frames: Iterator[Image.Image], file: Path, fps: float) -> None:
    _write_by_pillow(frames, file, fps, 10, "GIF")  # GIF counts hundredths of a second


def _write_webp(frames: Iterator[Image.Image], file: Path, fps: float) -> None:
    _write_by_pillow(frames, file, fps, 1, "WebP", lossless=True)


def _write_by_pillow(
    frames: Iterator[Image.Image], file: Path, fps: float, unit: int, form: str, **options: object
) -> None:
    """Write a film. Durations are multiples of ``unit`` milliseconds; they vary so that the whole has its speed."""
    durations: list[int] = []  # Pillow reads that of a frame when it writes the frame

    def timed() -> Iterator[Image.Image]:
        begin = 0
        for number, frame in enumerate(frames, 1):
            end = unit * round(1000 * number / (fps * unit))
            durations.append(end - begin)
            begin = end
            yield frame

    made = timed()
    first = next(made)

    def write(stream: IO[bytes]) -> None:
        first.save(stream, form, save_all=True, append_images=made, duration=durations, loop=0, **options)

    write_whole(file, write)


def _write_mp4(frames: Iterator[Image.Image], file: Path, fps: float) -> None:
    import imageio_ffmpeg

    first, sent = _even(next(frames)), 1
    with writing(file), whole_file(file, ".mp4") as partial:  # ffmpeg chooses the format by the suffix
        try:
            film = imageio_ffmpeg.write_frames(
                str(partial),
                first.size,
                fps=fps,
                quality=8,
                macro_block_size=1,  # otherwise frames are stretched to a multiple of 16
                ffmpeg_log_level="error",
                output_params=["-movflags", "+faststart"],  # lets browsers start playing early
            )
            film.send(None)
            try:
                film.send(first.tobytes())
                for frame in frames:
                    film.send(_even(frame).tobytes())
                    sent += 1
            finally:
                film.close()
            written, _ = imageio_ffmpeg.count_frames_and_secs(str(partial))  # ffmpeg's exit code is not passed on
        except RuntimeError as error:  # no ffmpeg for this machine, or a file that it cannot read
            raise WriteFailed(file, " ".join(str(error).split())[-200:]) from error
        if written != sent:
            raise WriteFailed(file, f"only {written} of {sent} frames could be written")


def _even(frame: Image.Image) -> Image.Image:
    """Return the frame in RGB with even sides, which H.264 needs: an odd side repeats its last row or column."""
    width, height = frame.size
    even = Image.new("RGB", (width + width % 2, height + height % 2))
    for left, top in ((width % 2, height % 2), (0, height % 2), (width % 2, 0), (0, 0)):
        even.paste(frame, (left, top))
    return even


_WRITERS: dict[str, Callable[[Iterator[Image.Image], Path, float], None]] = {
    ".gif": _write_gif,
    ".webp": _write_webp,
    ".mp4": _write_mp4,
}
