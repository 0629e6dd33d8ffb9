"""Thousands of tar headers at once: read one after the other, checked as columns.

Reading headers one by one costs more in Python than in the system. So the loop here only finds out where the next
header is; whether a header was an ordinary one (:func:`.headers.read_ordinary`) is checked afterwards,
for all of them together. Whatever is not goes through :class:`.headers.HeaderReader`, and where that
finds the next header elsewhere, what was read behind it is forgotten. The outcome is that of
:func:`.headers.read_members`, which a property test holds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from pipeline.sources.archives.headers import BLOCK, Damage, Fetch, HeaderReader, Member, Step, read_ordinary
from pipeline.sources.entries import is_unsafe
from pipeline.sources.probe import HEAD_BYTES, Header, probe

MEMBERS = 2048
"""Members of a chunk, at most: 1 MB of headers, which the processor's caches hold."""
SECONDS = 2.0
"""A chunk is closed after this time, for the sake of media on which every header takes long."""

NAME = 100
"""Bytes of a header in which the name stands, filled up with zeros."""

_STRIDE = 512
"""Headers between two looks at the clock."""
_FIRST_RUN = 64
"""Headers that are read before they are checked, where there was something unusual among the last. What the careful
reader then asks for again is still in memory."""

_OCTAL = 8 ** np.arange(10, -1, -1, dtype=np.int64)
"""Worth of a size's eleven digits."""

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Chunk:
    """Some members in a row, or the last of an archive and the damage behind them."""

    following: int
    """Where the next header is."""
    blocks: list[bytes] = field(default_factory=list)
    """Of each its header; of an unusual one a stand-in with the last part of its name, empty where it is no image."""
    positions: list[int] = field(default_factory=list)
    """Of the headers."""
    looks: list[Header | None] = field(default_factory=list)
    """What the first bytes of each say; empty when nobody looks."""
    unusual: dict[int, Member | Damage] = field(default_factory=dict)
    """By their number, those that the careful reader read."""
    ended: bool = False
    _joined: Bytes | None = None
    _ends: Numbers | None = None

    def headers(self) -> Bytes:
        """The headers as rows of bytes."""
        if self._joined is None:
            self._joined = np.frombuffer(b"".join(self.blocks), dtype=np.uint8).reshape(-1, BLOCK)
        return self._joined

    def name_ends(self) -> Numbers:
        """How long the name in each header is: up to the first zero, or all of the field."""
        headers = self.headers()
        if self._ends is None:
            names = np.ascontiguousarray(headers[:, :NAME])
            first = np.argmin(names, axis=1)
            self._ends = np.where(names[np.arange(len(names)), first], NAME, first)
        return self._ends

    def places(self) -> tuple[Numbers, Numbers]:
        """Where the data of each member begin (of a damage: where it is), and how many bytes they have."""
        offsets = np.array(self.positions, dtype=np.int64) + BLOCK
        sizes: Numbers = (self.headers()[:, 124:135] & 7) @ _OCTAL
        for row, found in self.unusual.items():
            offsets[row], sizes[row] = found.offset, found.size if isinstance(found, Member) else 0
        return offsets, sizes

    def member(self, row: int) -> Member | Damage:
        """One of them."""
        found = self.unusual.get(row)
        if found is None:
            step = read_ordinary(self.blocks[row], self.positions[row])
            assert step is not None
            found = step.member
        return found

    def extend(self, run: Chunk) -> None:
        """Take in the members that follow."""
        row = len(self.blocks)
        self._joined, self._ends = (None, None) if row else (run._joined, run._ends)
        self.blocks += run.blocks
        self.positions += run.positions
        self.looks += run.looks
        self.unusual |= {row + number: found for number, found in run.unusual.items()}
        self.following, self.ended = run.following, run.ended

    def replace(self, row: int, found: Member | Damage, name: bytes) -> None:
        """Put what the careful reader found into a row."""
        self.blocks[row] = name.ljust(BLOCK, b"\0")
        self.unusual[row] = found
        self._joined = self._ends = None

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all members but some."""
        self._joined = self._ends = None
        self.blocks = [self.blocks[row] for row in rows]
        self.positions = [self.positions[row] for row in rows]
        self.looks = [self.looks[row] for row in rows] if self.looks else []
        self.unusual = {number: self.unusual[row] for number, row in enumerate(rows) if row in self.unusual}


class ChunkReader:
    """Reads the members of one archive chunk by chunk.

    Args:
        fetch: reads the file that holds it.
        end: of the archive, in bytes.
        look_from: images from this position on are looked at; ``None``: none are.
        members: of a chunk, at most.
    """

    def __init__(self, fetch: Fetch, end: int, look_from: int | None = None, members: int = MEMBERS) -> None:
        self._fetch = fetch
        self._end = end
        self._look_from = look_from
        self._careful = HeaderReader(fetch, end)
        self._members = members
        self._run = members

    @property
    def has_context(self) -> bool:
        """Whether headers before those to come have a say in what they mean."""
        return bool(self._careful.pax_headers)

    def read(self, position: int) -> Chunk:
        """The members whose headers begin at ``position``.

        Raises:
            OSError: the file cannot be read.
        """
        chunk = Chunk(position)
        deadline = time.monotonic() + SECONDS
        while not chunk.ended:
            is_at_end = chunk.following + BLOCK > self._end
            # What is left then is the damage, without which nothing could be gone on from.
            if not is_at_end and (len(chunk.blocks) >= self._members or time.monotonic() >= deadline):
                break
            needs_care = is_at_end or self.has_context
            if not needs_care:
                run = Chunk(chunk.following)
                goes_on = self._follow(run, min(self._run, self._members - len(chunk.blocks)), deadline)
                needs_care = self._check(run) and not goes_on
                chunk.extend(run)
            if needs_care:
                self._add(chunk, self._careful.read(chunk.following))
        return chunk

    def _follow(self, run: Chunk, limit: int, deadline: float) -> bool:
        """Go from header to header; whether there may be more."""
        fetch, position = self._fetch, run.following
        if self._look_from is not None:
            fetch = partial(self._fetch_and_look, run.looks)
        add_block, add_position = run.blocks.append, run.positions.append
        block_size, rounding, mask = BLOCK, 2 * BLOCK - 1, -BLOCK  # looked up faster than what a module holds
        goes_on = True
        try:
            while len(run.blocks) < limit and time.monotonic() < deadline:
                for _ in range(min(_STRIDE, limit - len(run.blocks))):
                    block = fetch(block_size, position)
                    size = int(block[124:135], 8)
                    add_block(block)
                    add_position(position)
                    position += size + rounding & mask
        except ValueError:
            goes_on = False
        except OSError:
            if position >= 0:
                raise
            goes_on = False
        run.following = position
        return goes_on

    def _fetch_and_look(self, looks: list[Header | None], length: int, position: int) -> bytes:
        """Read a header together with the first bytes behind it, and look at these."""
        assert self._look_from is not None
        if position < self._look_from:
            block, header = self._fetch(length, position), None
            int(block[124:135], 8)
        else:
            block = self._fetch(BLOCK + HEAD_BYTES, position)
            data, size = position + BLOCK, int(block[124:135], 8)
            end = min(data + size, self._end)
            header = probe(block[BLOCK : BLOCK + max(end - data, 0)], partial(self._read_inside, data, end))
        looks.append(header)
        return block[:BLOCK]

    def _read_inside(self, start: int, end: int, offset: int, length: int) -> bytes:
        """Read from the data in bytes ``start`` to ``end`` and no further."""
        length = min(length, end - start - offset)
        return self._fetch(length, start + offset) if length > 0 else b""

    def _check(self, run: Chunk) -> bool:
        """Let the careful reader look at whatever is not an ordinary file.

        Returns:
            Whether the run still ends where it did: otherwise with the first member behind which the loop went astray.
        """
        if run.blocks and len(run.blocks[-1]) < BLOCK:  # the file has become shorter
            run.following = run.positions[-1]
            run.keep(range(len(run.blocks) - 1))
        odd = _find_odd(run, self._end).tolist()
        rows = {position: row for row, position in enumerate([*run.positions, run.following])} if odd else {}
        forgotten: set[int] = set()
        self._run = min(2 * self._run, self._members)
        for row in odd:
            if row in forgotten:
                continue
            position = run.positions[row]
            found = self._read_again(run.blocks[row], position)
            following = rows.get(found.following, 0) if isinstance(found, Step) and not self.has_context else 0
            if following <= row or found is None:
                run.keep([number for number in range(row) if number not in forgotten])
                run.following = position
                self._add(run, found)
                return False
            forgotten.update(range(row + 1, following))
            self._replace(run, row, found)
        if forgotten:
            run.keep([number for number in range(len(run.blocks)) if number not in forgotten])
        return True

    def _read_again(self, block: bytes, position: int) -> Step | Damage | None:
        """Read a header with care."""
        found = read_ordinary(block, position)
        if found is not None and found.member.offset + found.member.size <= self._end:
            return found
        self._run = _FIRST_RUN
        return self._careful.read(position)

    def _add(self, chunk: Chunk, found: Step | Damage | None) -> None:
        """Take in a member, or what ends the archive."""
        if found is not None:
            chunk.blocks.append(b"")
            chunk.positions.append(chunk.following)
            if self._look_from is not None:
                chunk.looks.append(None)
            self._replace(chunk, len(chunk.blocks) - 1, found)
        chunk.ended = not isinstance(found, Step)
        chunk.following = found.following if isinstance(found, Step) else self._end

    def _replace(self, chunk: Chunk, row: int, found: Step | Damage) -> None:
        """Put what the careful reader found into a row."""
        member = found.member if isinstance(found, Step) else found
        name, look = b"", None
        if isinstance(member, Member) and member.kind == "file" and not is_unsafe(member.name):
            name = member.name.rpartition("/")[2].encode("utf-8", "surrogateescape")
            look = self._look(member)
        chunk.replace(row, member, name if len(name) <= NAME else b"")
        if self._look_from is not None:
            chunk.looks[row] = look

    def _look(self, member: Member) -> Header | None:
        if self._look_from is None or member.offset < self._look_from:
            return None
        read = partial(self._read_inside, member.offset, member.offset + member.size)
        return probe(read(0, HEAD_BYTES), read)


def _find_odd(run: Chunk, end: int) -> Numbers:
    """Which rows are not surely ordinary files, wholly inside the archive."""
    headers = run.headers()
    offsets, sizes = run.places()
    checksums = (headers[:, 148:154] & 7) @ _OCTAL[-6:]
    sums = headers.sum(axis=1, dtype=np.uint32) - headers[:, 148:156].sum(axis=1, dtype=np.uint32) + 8 * ord(" ")
    ends = run.name_ends()
    last = headers[np.arange(len(headers)), ends - 1]
    kinds, terminators = headers[:, 156], headers[:, 135]
    ordinary = (
        ((kinds == ord("0")) | (kinds == 0))
        & (headers[:, 345] == 0)
        & _are_octal(headers[:, 124:135])
        & ((terminators == 0) | (terminators == ord(" ")))
        & _are_octal(headers[:, 148:154])
        & (headers[:, 154] == 0)
        & (checksums == sums)
        & (ends > 0)
        & (last != ord("/"))
        & (offsets + sizes <= end)
    )
    return np.flatnonzero(~ordinary)


def _are_octal(digits: Bytes) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = ((digits & 0xF8) == ord("0")).all(axis=1)
    return found
