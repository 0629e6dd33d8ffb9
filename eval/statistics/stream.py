"""Random draws that stay the same under any release of NumPy.

``numpy.random.Generator`` may change the numbers that its methods draw; what NumPy promises to keep is the stream of
raw 64-bit words that a bit generator gives for a seed. The draws are made from these words here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_WORD = 64
_HALF = np.uint64(32)


class Stream:
    """Draws from the raw words of PCG64."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def draw_below(self, bound: int, shape: tuple[int, int]) -> npt.NDArray[np.intp]:
        """Draw whole numbers from 0 up to, not including, ``bound``, one of each word's upper half.

        Some are likelier than others by one part in ``2**32 / bound``, which no number of replicates shows.
        """
        upper = self._words.random_raw(shape) >> _HALF
        return ((upper * np.uint64(bound)) >> _HALF).astype(np.intp)

    def draw_signs(self, rows: int, columns: int) -> npt.NDArray[np.float64]:
        """Draw +1 or -1, one of each bit; every row begins with a new word. Shape (rows, columns)."""
        words = self._words.random_raw((rows, -(-columns // _WORD))).astype("<u8")
        bits = np.unpackbits(words.view(np.uint8), axis=1, count=columns, bitorder="little")
        return bits.astype(np.float64) * 2 - 1
