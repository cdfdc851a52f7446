"""What was found in a user's pictures: what `kit data` says, and what is kept beside the prepared images."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from kit.console import counted
from kit.study.datasets import Found

MOST_NAMED = 20
FEW = 20  # training pictures of a class


class Unreadable(Struct, frozen=True):
    """A picture that was left out, and why."""

    path: str
    reason: str


class Looked(Struct, frozen=True):
    """`train` and `test` have the number of pictures by class. `sizes` are the smallest, median and largest, by area, as
    width and height in pixels. `others` are files that are no pictures, by suffix.

    `twins` are pairs of a test picture and a training picture with the same pixels, `torn` how many pictures are in several
    classes; of lists only the first are kept, and beside them the number of all.
    """

    found: Found
    listing: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    grey: int
    unreadable: tuple[Unreadable, ...]
    unreadable_count: int
    twins: tuple[tuple[str, str], ...]
    twins_count: int
    torn: int
    others: dict[str, int]

    @property
    def count(self) -> int:
        return self.found.train_images + self.found.test_images

    def lines(self) -> Iterator[str]:
        """What a user should know, a line each."""
        found = self.found
        yield f"{len(found.classes):,} classes, {found.train_images:,} training and {found.test_images:,} test images"
        grey = f"{self.grey:,} of {self.count:,} {'is' if self.grey == 1 else 'are'}"
        (low, high), middle = (self.sizes[0], self.sizes[-1]), self.sizes[1]
        yield f"sizes by area: {_size(low)} to {_size(high)}, median {_size(middle)}; {grey} grey"
        yield from self._balance()
        if self.others:
            kinds = ", ".join(f"{count:,} {suffix or 'without suffix'}" for suffix, count in self.others.items())
            yield f"files of other kinds are left out: {kinds}"
        if self.unreadable_count:
            yield f"{counted(self.unreadable_count, 'picture', 'pictures')} can't be read:"
            yield from (f"  {one.path}: {one.reason}" for one in self.unreadable)
        if self.twins_count:
            yield f"{counted(self.twins_count, 'test image is', 'test images are')} among the training images, too:"
            yield from (f"  {test} = {train}" for test, train in self.twins)
        if self.torn:
            yield f"{counted(self.torn, 'image is', 'images are')} in several classes"

    def _balance(self) -> Iterator[str]:
        ratio = max(self.train) / min(self.train)
        if ratio >= 2:
            wrong = f"the largest class has {ratio:.1f} times the training images of the smallest"
            yield f'{wrong}: class_weights = "balanced" lets all count the same'
        few = [f"{name} ({n})" for name, n in zip(self.found.classes, self.train, strict=True) if n < FEW]
        if few:
            more = f" and {len(few) - MOST_NAMED:,} more" if len(few) > MOST_NAMED else ""
            yield f"classes with fewer than {FEW} training images: {', '.join(few[:MOST_NAMED])}{more}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
