"""A permutation of bit strings that keeps prefixes: what shares its first n bits with another does so afterwards.

The method is that of Crypto-PAn (Xu, Fan, Ammar, Moon 2002): whether a bit is flipped depends, by a keyed hash, on the
bits before it alone. Here some nodes of that tree never flip, which keeps what has a meaning of its own: special
blocks, the edges of ranges, the hosts of a subnet.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

#: A block of addresses: its first bits as a number, and how many they are.
Block = tuple[int, int]


class BitMap:
    """A prefix-preserving permutation of `width`-bit numbers under `secret`.

    `kept` blocks map to themselves whole; blocks of `classes` map to themselves as blocks, their inside is permuted.
    """

    def __init__(self, width: int, secret: bytes, kept: Iterable[Block], classes: Iterable[Block]) -> None:
        self.width = width
        self._secret = secret
        self._copied: set[Block] = set()
        self._still: set[Block] = set()
        self._flips: dict[Block, int] = {}
        self._done: dict[int, int] = {}
        self._kept, self._classes = tuple(kept), tuple(classes)
        for block in self._kept:
            self._copied.add(block)
        for bits, length in (*self._kept, *self._classes):
            self._still |= {(bits >> (length - i), i) for i in range(length)}

    def class_length(self, number: int) -> int:
        """Return how many first bits of `number` keep their value for its class."""
        found = [length for bits, length in self._classes if number >> (self.width - length) == bits]
        return max(found, default=0)

    def keeps(self, number: int) -> bool:
        """Tell whether `number` lies in a block that maps to itself."""
        return any(number >> (self.width - length) == bits for bits, length in self._kept)

    def copy_below(self, number: int, length: int) -> None:
        """Keep what stands behind the first `length` bits in all numbers that begin as `number` does."""
        self._copied.add((number >> (self.width - length), length))

    def keep_range(self, low: int, high: int) -> None:
        """Make what lies from `low` to `high` lie between their images, and nothing else."""
        common = self.width - (low ^ high).bit_length()
        for number in (low, high):
            self._still |= {(number >> (self.width - i), i) for i in range(common, self.width)}

    def __call__(self, number: int) -> int:
        """Return the image of `number`."""
        found = self._done.get(number)
        if found is None:
            found = self._done[number] = self._image(number)
        return found

    def _image(self, number: int) -> int:
        flipped = 0
        for i in range(self.width):
            block = number >> (self.width - i), i
            if block in self._copied:
                break
            flipped |= self._flip(block) << (self.width - 1 - i)
        return number ^ flipped

    def _flip(self, block: Block) -> int:
        if block in self._still:
            return 0
        found = self._flips.get(block)
        if found is None:
            words = b"%d %d %d" % (self.width, *block)
            found = self._flips[block] = blake2b(words, key=self._secret, digest_size=1).digest()[0] & 1
        return found
