"""Moving pictures as GIF files."""

from io import BytesIO
from pathlib import Path

from matplotlib.animation import AbstractMovieWriter, FuncAnimation
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["GifWriter", "save_gif"]

FRAMES_PER_SECOND = 8
COLOURS = 128
"""From each of two choices: a GIF has room for 256."""
SEEN_FOR_PALETTE = 5


class GifWriter(AbstractMovieWriter):
    """Writer whose frames share one palette.

    matplotlib's own has a palette made for each frame, with colours chosen by the area they
    cover: thin lines lose theirs, and what stands still flickers.
    """

    def setup(self, fig: Figure, outfile: str | Path, dpi: float | None = None) -> None:
        """Begin a film, as matplotlib asks for it."""
        super().setup(fig, outfile, dpi=dpi)
        self._images: list[Image.Image] = []

    def grab_frame(self, **savefig_kwargs: object) -> None:
        """Take the figure as it is, as matplotlib asks for it; options are left aside."""
        buffer = BytesIO()
        self.fig.savefig(buffer, format="rgba", dpi=self.dpi)
        image = Image.frombytes("RGBA", self.frame_size, buffer.getvalue())
        self._images.append(image.convert("RGB"))

    def finish(self) -> None:
        """Write the file."""
        last = len(self._images) - 1
        seen = [self._images[k * last // (SEEN_FOR_PALETTE - 1)] for k in range(SEEN_FOR_PALETTE)]
        width, height = self.frame_size
        sheet = Image.new("RGB", (width, height * len(seen)))
        for place, image in enumerate(seen):
            sheet.paste(image, (0, place * height))
        palette = Image.new("P", (1, 1))
        palette.putpalette(
            [
                *_colours_of(sheet, Image.Quantize.MEDIANCUT),  # fine shades of what is large
                *_colours_of(sheet, Image.Quantize.MAXCOVERAGE),  # and what is rare
            ]
        )
        first, *others = (
            image.quantize(palette=palette, dither=Image.Dither.NONE) for image in self._images
        )
        first.save(
            self.outfile, save_all=True, append_images=others, duration=1000 // self.fps, loop=0
        )


def save_gif(animation: FuncAnimation, path: Path, fps: int = FRAMES_PER_SECOND) -> None:
    """Write a moving picture that begins anew whenever it has ended.

    Arguments:
        animation: Drawn frame by frame.
        path: Of the file, ending in `.gif`.
        fps: Frames a second.
    """
    animation.save(str(path), writer=GifWriter(fps=fps))


def _colours_of(image: Image.Image, method: Image.Quantize) -> list[int]:
    """Red, green, blue of each colour that a method chooses, black for those it does not need."""
    found = image.quantize(COLOURS, method=method).getpalette() or []
    return (found + 3 * COLOURS * [0])[: 3 * COLOURS]
