"""Changes of bytes that know nothing of what the bytes mean."""

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Final, TypeAlias

Mutation: TypeAlias = Callable[[bytes, Random], bytes]
"""Content -> changed content; what it draws comes from the generator alone."""

MOST_BYTES: Final = 1 << 20  # inputs do not grow beyond it: slow ones find no more
_END: Final = 512  # where headers and tables of contents lie
_INTEGERS: Final = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24)
_LARGE: Final = (2**31 - 1, 2**31, 2**32 - 1, 2**33, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


def odd_integer(random: Random) -> int:
    """A number at which readers stumble: zero, the ends of types, one beside them."""
    number = random.choice(_INTEGERS + _LARGE) + random.choice((-1, 0, 0, 0, 1))
    return -number if random.random() < 0.2 else number


def somewhere(size: int, random: Random) -> int:
    """An index below `size`, one in two near the beginning or the end."""
    near = min(size, _END)
    kind = random.randrange(4)
    if kind == 0:
        return random.randrange(near)
    if kind == 1:
        return size - 1 - random.randrange(near)
    return random.randrange(size)


def _span(content: bytes, random: Random) -> tuple[int, int]:
    """Where a piece begins and ends; most are short."""
    start = somewhere(len(content), random)
    longest = max(1, len(content) - start)
    return start, start + min(longest, 1 + int(2 ** random.uniform(0, 12)))


def flip_bits(content: bytes, random: Random) -> bytes:
    """Turn over one to eight bits."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 8)):
        changed[somewhere(len(changed), random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(content: bytes, random: Random) -> bytes:
    """Put other bytes in the place of one to four."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        changed[somewhere(len(changed), random)] = random.choice((0, 255, random.randrange(256)))
    return bytes(changed)


def set_integer(content: bytes, random: Random) -> bytes:
    """Put an odd number of one, two, four or eight bytes over what may be a length or a size."""
    width = random.choice((1, 2, 4, 8))
    number = odd_integer(random) % 2 ** (8 * width)
    place = somewhere(len(content), random)
    order = "<" if random.random() < 0.5 else ">"
    packed = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[width], number)
    return content[:place] + packed + content[place + width :]


def truncate(content: bytes, random: Random) -> bytes:
    """Leave out the end."""
    return content[: somewhere(len(content), random)]


def remove(content: bytes, random: Random) -> bytes:
    """Leave out a piece."""
    start, end = _span(content, random)
    return content[:start] + content[end:]


def repeat(content: bytes, random: Random) -> bytes:
    """Put a piece in once more, or often."""
    start, end = _span(content, random)
    times = random.choice((1, 1, 2, 50))
    return content[:end] + content[start:end] * times + content[end:]


def move(content: bytes, random: Random) -> bytes:
    """Put a piece over another place."""
    start, end = _span(content, random)
    place = somewhere(len(content), random)
    return content[:place] + content[start:end] + content[place + end - start :]


def fill(content: bytes, random: Random) -> bytes:
    """Make a piece all zeros, all ones, or noise."""
    start, end = _span(content, random)
    kind = random.randrange(3)
    piece = random.randbytes(end - start) if kind == 2 else bytes([255 * kind]) * (end - start)
    return content[:start] + piece + content[end:]


def insert(content: bytes, random: Random) -> bytes:
    """Put noise between."""
    place = somewhere(len(content), random)
    return content[:place] + random.randbytes(random.randint(1, 16)) + content[place:]


ANY_BYTES: Final[tuple[Mutation, ...]] = (
    flip_bits,
    flip_bits,
    set_bytes,
    set_integer,
    set_integer,
    truncate,
    remove,
    repeat,
    move,
    fill,
    insert,
)
"""For content of any kind; what finds more stands twice."""


def splice(one: bytes, other: bytes, random: Random) -> bytes:
    """The beginning of one and the end of the other."""
    return one[: somewhere(len(one), random)] + other[somewhere(len(other), random) :]


def mutate(seeds: Sequence[bytes], random: Random, structured: Sequence[Mutation] = ()) -> bytes:
    """An input made of one seed, or of two, by one change or a few.

    Args:
        seeds: contents that the reader takes, or that were made of such.
        random: what is drawn from.
        structured: changes that know the format; somewhat more than half of all are of them. They
            may raise where the content is too damaged for them.
    """
    content = random.choice(seeds)
    if len(seeds) > 1 and random.random() < 0.05 and content:
        content = splice(content, random.choice(seeds) or content, random)
    changes = 1
    while changes < 6 and random.random() < 0.25:
        changes += 1
    for _ in range(changes):
        if not content:
            break
        if structured and random.random() < 0.6:
            try:
                content = random.choice(structured)(content, random)
            except Exception:  # too damaged for it, in whatever way
                content = random.choice(ANY_BYTES)(content, random)
        else:
            content = random.choice(ANY_BYTES)(content, random)
    return content[:MOST_BYTES]
