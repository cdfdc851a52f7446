"""A folder of pictures to try one's own data on: `python benchmarks/tiles.py FOLDER`.

They are tiles of the two photographs that come with scikit-learn, in five classes: of several sizes, every seventh in grey,
as PNG, JPEG and WebP, one turned by its EXIF orientation, and one file broken. Tiles overlap, so test accuracies say little.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

# photograph, left, top, right, bottom
PLACES = {
    "blossom": (1, 190, 110, 430, 330),
    "leaves": (1, 450, 0, 640, 380),
    "pagoda": (0, 96, 96, 320, 352),
    "sky": (0, 330, 0, 640, 130),
    "trees": (0, 384, 304, 640, 427),
}
SUFFIXES = ("png", "jpg", "webp")
SIDEWAYS = 6  # EXIF: to be turned by 90 degrees


def make(folder: Path, count: int = 40, seed: int = 1) -> None:
    """Write `count` pictures of each class, and one that can't be read."""
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    rng = np.random.default_rng(seed)
    for name, (photograph, left, top, right, bottom) in PLACES.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            width, height = rng.integers(24, 56, 2).tolist()
            x, y = int(rng.integers(left, right - width)), int(rng.integers(top, bottom - height))
            tile = photographs[photograph].crop((x, y, x + width, y + height))
            tile = tile.convert("L") if index % 7 == 3 else tile
            tile.save(folder / name / f"{index:03}.{SUFFIXES[index % 3]}", quality=90, lossless=True)
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    photographs[0].crop((100, 100, 148, 132)).rotate(90, expand=True).save(folder / "pagoda" / "turned.jpg", exif=exif)
    (folder / "sky" / "broken.jpg").write_bytes((folder / "sky" / "001.jpg").read_bytes()[:200])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]), *map(int, sys.argv[2:]))
