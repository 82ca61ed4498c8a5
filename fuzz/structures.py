"""Changes that know a format: where a random flip would reach no more than a checksum or a length.

Each takes content that may be damaged already, and raises nearly anything where it is too damaged;
`fuzz.mutations.mutate` then changes bytes instead.
"""

import gzip
import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

from fuzz.mutations import ANY_BYTES, Mutation, odd_integer

_WORDS: Final = (
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "nan",
    "-inf",
    "0x10",
    "1_000",
    "٣",  # a digit, and Python's int() takes it
    "²",  # a digit, and Python's int() does not
    "3.0",
    "99999999999999999999",
    "9" * 5000,  # more digits than Python's int() takes
    "a" * 200_000,  # more than a field of Python's csv may have
    "\x00",
    "\x1b[2J",
    "\u202e\ud7ff\ufeff",
    '"',
    "'",
    "../../x",
    "/dev/zero",
    "{}",
    "null",
)


def odd_text(random: Random) -> str:
    """A text at which readers stumble."""
    if random.random() < 0.2:
        return str(odd_integer(random))
    return random.choice(_WORDS)


def odd_value(random: Random) -> Any:
    """A value of JSON at which readers stumble."""
    kind = random.randrange(8)
    if kind == 0:
        return odd_integer(random) if random.random() < 0.9 else 10**400
    if kind == 1:
        return random.choice((0.5, -0.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf")))
    if kind == 2:
        return odd_text(random)
    if kind == 3:
        return random.choice((None, True, False))
    if kind == 4:
        return [odd_value(random) for _ in range(random.randrange(4))]
    if kind == 5:
        return {odd_text(random): odd_value(random) for _ in range(random.randrange(3))}
    if kind == 6:
        nested: Any = 1
        for _ in range(random.choice((3, 90, 900))):
            nested = [nested] if random.random() < 0.5 else {"config": nested}
        return nested
    return [random.choice((0, 1.5, "x"))] * random.choice((1, 7, 8, 5000))


# JSON


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each list or object, with each index or key in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        keys: Any = inner.keys() if isinstance(inner, dict) else ()
        keys = range(len(inner)) if isinstance(inner, list) else keys
        for key in keys:
            found.append((inner, key))
            waiting.append(inner[key])
    return found


def change_value(value: Any, random: Random) -> Any:
    """Change one place in a value of JSON: another value, another name, twice, or none."""
    places = _places(value)
    if not places or random.random() < 0.03:
        return odd_value(random)
    inner, key = random.choice(places)
    kind = random.randrange(8)
    if kind == 0:
        del inner[key]
    elif kind == 1 and isinstance(inner, dict):
        inner[odd_text(random)] = inner.pop(key)
    elif kind == 1:
        inner.insert(key, inner[key])
    elif kind == 2:
        other, at = random.choice(places)
        inner[key] = json.loads(json.dumps(other[at]))
    elif kind == 3 and isinstance(inner[key], bool):
        inner[key] = not inner[key]
    elif kind in (3, 4) and isinstance(inner[key], int | float):
        inner[key] = random.choice((-inner[key], inner[key] * 1000, inner[key] + 0.5, 0))
    elif kind == 5:
        inner[key] = str(inner[key])
    else:
        inner[key] = odd_value(random)
    return value


def change_json(content: bytes, random: Random) -> bytes:
    """Change one place in JSON, or in a line of it."""
    if random.random() < 0.02:  # deeper than Python goes
        return content[: random.randrange(len(content))] + b"[" * 100_000
    lines = content.decode().splitlines(keepends=True)
    number = random.randrange(len(lines))
    try:
        lines[number] = json.dumps(change_value(json.loads(lines[number]), random)) + "\n"
    except ValueError:  # one value over many lines
        return json.dumps(change_value(json.loads(content), random)).encode()
    return "".join(lines).encode("utf-8", "surrogatepass")


def change_safetensors(content: bytes, random: Random) -> bytes:
    """Change one place in the JSON before the weights, whose length is made right."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:end])
    about = header.get("__metadata__", {})
    if about and random.random() < 0.5:  # a recipe in JSON, in JSON
        name = random.choice(list(about))
        about[name] = change_json(about[name].encode(), random).decode(errors="replace")
        changed = json.dumps(header).encode()
    else:
        changed = json.dumps(change_value(header, random)).encode()
    return struct.pack("<Q", len(changed)) + changed + content[end:]


# Tables of text


def change_table(content: bytes, random: Random) -> bytes:
    """Change a cell, a row, a column or the encoding of a table of text."""
    text = content.decode(errors="replace")
    kind = random.randrange(10)
    if kind == 0:
        encoding = random.choice(("utf-16", "utf-8-sig", "latin-1", "utf-32"))
        return text.encode(encoding, "replace")
    if kind == 1:
        return text.replace("\n", random.choice(("\r", "\r\n", "\n\n", "\0", ""))).encode()
    if kind == 2:
        return text.replace(",", random.choice((";", "\t", ",,", ' ,"'))).encode()
    rows = [line.split(",") for line in text.split("\n")]
    row = random.choice(rows)
    cell = random.randrange(len(row))
    if kind == 3:
        row.insert(cell, odd_text(random))
    elif kind == 4:
        del row[cell]
    elif kind == 5:
        rows.insert(random.randrange(len(rows)), list(row))
    elif kind == 6:
        words = row[cell].split(" ")
        words[random.randrange(len(words))] = odd_text(random)
        row[cell] = " ".join(words)
    elif kind == 7:
        for one in rows:
            if cell < len(one):
                one[cell] = odd_text(random)
    else:
        row[cell] = odd_text(random)
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")


# Pictures


def change_png(content: bytes, random: Random) -> bytes:
    """Change a chunk of a PNG file and give it the checksum that it then needs."""
    place, chunks = 8, []
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    number = random.randrange(len(chunks))
    kind, data = chunks[number]
    way = random.randrange(8)
    if way == 0:
        chunks.insert(random.randrange(len(chunks) + 1), (kind, data))
    elif way == 1:
        del chunks[number]
    elif way == 2:
        chunks[number] = (random.choice(chunks)[0], data)
    elif way == 3 and kind == b"IDAT":
        lines = random.choice(ANY_BYTES)(zlib.decompress(data), random)
        chunks[number] = (kind, zlib.compress(lines))
    elif way == 4:
        chunks[number] = (kind, data[:4] + struct.pack(">I", random.choice((1, 8, 13_000))))
        head = bytearray(chunks[0][1])
        size = random.choice((0, 1, 7, 8, 5000, 13_000, 13_377, 2**31 - 1))
        struct.pack_into(">I", head, random.choice((0, 4)), size)
        chunks[0] = (chunks[0][0], bytes(head))
    elif data:
        chunks[number] = (kind, random.choice(ANY_BYTES)(data, random))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return content[:8] + body


def change_jpeg(content: bytes, random: Random) -> bytes:
    """Change, repeat or leave out a segment of a JPEG file."""
    place, segments = 2, []
    while content[place : place + 1] == b"\xff" and content[place + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", content, place + 2)
        segments.append(content[place : place + 2 + size])
        place += 2 + size
    scan = content[place:]
    number = random.randrange(len(segments))
    segment = segments[number]
    way = random.randrange(6)
    if way == 0:
        segments.insert(random.randrange(len(segments) + 1), segment)
    elif way == 1:
        del segments[number]
    elif way == 2:
        scan = scan[: len(scan) // 2] + scan if random.random() < 0.5 else scan * 3
    elif way == 3:  # height and width stand in the frame's header
        for at, one in enumerate(segments):
            if one[1] in (0xC0, 0xC1, 0xC2):
                sides = [random.choice((0, 1, 8, 13_000, 65_500)) for _ in range(2)]
                segments[at] = one[:5] + struct.pack(">HH", *sides) + one[9:]
    else:
        inner = random.choice(ANY_BYTES)(segment[4:], random)[: 0xFFFF - 2]
        segments[number] = segment[:2] + struct.pack(">H", len(inner) + 2) + inner
    return content[:2] + b"".join(segments) + scan


_TIFF_TAGS: Final = (254, *range(256, 263), 273, 277, 278, 279, 284, 317, 320, 322, 323, 338, 339)


def change_tiff(content: bytes, random: Random) -> bytes:
    """Change an entry of the first directory of a TIFF file: tag, type, count or value."""
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    place = start + 2 + 12 * random.randrange(count)
    changed = bytearray(content)
    which = random.randrange(4)
    number = odd_integer(random) if random.random() < 0.5 else random.randrange(64)
    if which == 0:
        struct.pack_into(order + "H", changed, place, random.choice(_TIFF_TAGS))
    elif which == 1:
        struct.pack_into(order + "H", changed, place + 2, random.randrange(20))
    elif which == 2:
        struct.pack_into(order + "I", changed, place + 4, number % 2**32)
    else:
        struct.pack_into(order + "I", changed, place + 8, number % 2**32)
    return bytes(changed)


# Containers of boxes: MP4, and RIFF as of AVI and WebP

_MP4_PARENTS: Final = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"moof", b"traf", b"dinf"}
)
_RIFF_PARENTS: Final = frozenset({b"RIFF", b"LIST"})


def _boxes_in(content: bytes, start: int, end: int, *, riff: bool) -> list[tuple[int, int, int]]:
    """(begin, where its content begins, end) of each box, those in others too."""
    found = []
    while start + 8 <= end:
        size, kind = (
            struct.unpack_from("<I", content, start + 4)[0] + 8 if riff else
            struct.unpack_from(">I", content, start)[0],
            content[start : start + 4] if riff else content[start + 4 : start + 8],
        )  # fmt: skip
        if size < 8 or start + size > end:
            break
        parent = kind in (_RIFF_PARENTS if riff else _MP4_PARENTS)
        inner = start + (12 if riff and parent else 8)
        found.append((start, inner, start + size))
        if parent:
            found += _boxes_in(content, inner, start + size, riff=riff)
        start += size + (size % 2 if riff else 0)
    return found


def _change_box(content: bytes, random: Random, *, riff: bool) -> bytes:
    boxes = _boxes_in(content, 0, len(content), riff=riff)
    start, inner, end = random.choice(boxes)
    way = random.randrange(6)
    if way == 0:  # the sizes of those around it are then wrong, which readers meet too
        return content[:end] + content[start:end] + content[end:]
    if way == 1:
        return content[:start] + content[end:]
    if way == 2:
        other, _, other_end = random.choice(boxes)
        return content[:start] + content[other:other_end] + content[end:]
    if way == 3:
        at = start + (4 if riff else 0)
        size = struct.pack("<I" if riff else ">I", odd_integer(random) % 2**32)
        return content[:at] + size + content[at + 4 :]
    changed = random.choice(ANY_BYTES)(content[inner:end], random)
    changed = changed[: end - inner].ljust(end - inner, b"\0")  # so that what follows keeps place
    return content[:inner] + changed + content[end:]


def change_mp4(content: bytes, random: Random) -> bytes:
    """Change, repeat, move or leave out a box of an MP4 file."""
    return _change_box(content, random, riff=False)


def change_riff(content: bytes, random: Random) -> bytes:
    """Change, repeat, move or leave out a chunk of an AVI or WebP file."""
    return _change_box(content, random, riff=True)


# Zip archives, HDF5, pickles


def change_zip(inner: Callable[[str], Mutation | None]) -> Mutation:
    """A change of a member of a zip archive, which gets the checksum that it then needs.

    Args:
        inner: name of a member -> the change of its content that knows its format, if any.
    """

    def change(content: bytes, random: Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
        number = random.randrange(len(members))
        info, data = members[number]
        way = random.randrange(10)
        if way == 0:
            del members[number]
        elif way == 1:
            members.append((info, data))
        elif way == 2:
            renamed = zipfile.ZipInfo(odd_text(random)[:300] or "x", info.date_time)
            members[number] = (renamed, data)
        else:
            own = inner(info.filename)
            how = own if own is not None and random.random() < 0.7 else random.choice(ANY_BYTES)
            members[number] = (info, how(data, random) if data else random.randbytes(8))
        buffer = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
            warnings.simplefilter("ignore")  # two members of one name are what is wanted
            for info, data in members:
                name = zipfile.ZipInfo(info.filename, info.date_time)
                name.compress_type = random.choice((zipfile.ZIP_STORED, info.compress_type))
                archive.writestr(name, data)
        return buffer.getvalue()

    return change


def change_hdf5(content: bytes, random: Random) -> bytes:
    """Change the configuration in an HDF5 file of Keras's, or one of its data sets."""
    import h5py

    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        way = random.randrange(5)
        if way < 3 and "model_config" in file.attrs:
            name = "mien" if "mien" in file.attrs and random.random() < 0.3 else "model_config"
            text = json.dumps(change_value(json.loads(file.attrs[name]), random))
            file.attrs[name] = text if way else text.encode("utf-8", "replace")
        elif way == 3:
            place = random.choice(_groups_of(file))
            name = random.choice(list(place.attrs) or ["model_config"])
            place.attrs[name] = random.choice((b"x", "x", 1, [1, 2], 0.5, "[" * 5000))
        else:
            names: list[str] = []
            file.visit(names.append)
            name = random.choice(names)
            old = file[name]
            shape = getattr(old, "shape", (1,))
            del file[name]
            if random.random() < 0.7:
                new_shape = random.choice((shape, shape[::-1], (0,), (*shape, 2), (2**40,)))
                kind = random.choice(("f4", "f8", "f2", "i8", "S4"))
                file.create_dataset(name, new_shape, kind, chunks=True if new_shape else None)
    return buffer.getvalue()


def _groups_of(file: Any) -> list[Any]:
    import h5py

    found = [file]
    file.visititems(lambda _, one: found.append(one) if isinstance(one, h5py.Group) else None)
    return found


def change_tar(content: bytes, random: Random) -> bytes:
    """Change a member of a tar archive, or what its header says; the header's sum fits again."""
    places = []
    place = 0
    while place + 1024 <= len(content) and content[place] != 0:
        places.append(place)
        size = int(content[place + 124 : place + 135].split(b"\0")[0] or b"0", 8)
        place += 512 + -(-size // 512) * 512
    start = random.choice(places)
    head = bytearray(content[start : start + 512])
    way = random.randrange(5)
    if way == 0:  # a name, which may lead out of the archive, or be of no picture
        name = odd_text(random).encode(errors="replace")[:90] + random.choice((b".jpg", b"", b"/"))
        head[:100] = name.ljust(100, b"\0")
    elif way == 1:
        size = abs(odd_integer(random)) % 8**11
        head[124:136] = b"%011o\0" % size
    elif way == 2:
        head[156] = random.choice(b"0123456789LKxgSV\0")
    else:
        at = random.randrange(512)
        head[at] = random.randrange(256)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return content[:start] + bytes(head) + content[start + 512 :]


def change_gzip(inner: Mutation) -> Mutation:
    """A change of what is compressed, which is then compressed again."""

    def change(content: bytes, random: Random) -> bytes:
        return gzip.compress(inner(gzip.decompress(content), random), 1)

    return change


# Protocol buffers, as ONNX files are


def change_onnx(content: bytes, random: Random) -> bytes:
    """Change a field, at any depth, of an ONNX file; lengths around it fit again."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    messages: list[Any] = []
    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        messages.append(message)
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend(value if _is_repeated(field) else [value])
    message = random.choice(messages)
    if random.random() < 0.15:
        _change_description(model, random)
    elif (set_fields := message.ListFields()) and random.random() < 0.85:
        _change_field(message, random.choice(set_fields)[0], random, messages)
    else:
        _change_field(message, random.choice(message.DESCRIPTOR.fields), random, messages)
    changed: bytes = model.SerializePartialToString()
    return changed


def _is_repeated(field: Any) -> bool:
    return bool(getattr(field, "is_repeated", False))


def _change_description(model: Any, random: Random) -> None:
    entry = random.choice(model.metadata_props)
    entry.value = json.dumps(change_value(json.loads(entry.value), random))


def _change_field(message: Any, field: Any, random: Random, messages: list[Any]) -> None:
    if _is_repeated(field):
        values = getattr(message, field.name)
        if len(values) and random.random() < 0.5:
            del values[random.randrange(len(values))]
        elif field.type == field.TYPE_MESSAGE:
            same = [m for m in messages if m.DESCRIPTOR is field.message_type]
            if same:
                values.append(random.choice(same))
        elif len(values):
            values[random.randrange(len(values))] = _odd_of(field, random)
        else:
            values.append(_odd_of(field, random))
    elif field.type == field.TYPE_MESSAGE:
        message.ClearField(field.name)
    elif field.type == field.TYPE_STRING and random.random() < 0.5:
        texts = [v for m in messages for f, v in m.ListFields() if isinstance(v, str)]
        setattr(message, field.name, random.choice(texts))
    elif field.type == field.TYPE_BYTES and getattr(message, field.name):
        content = getattr(message, field.name)
        setattr(message, field.name, random.choice(ANY_BYTES)(content, random))
    else:
        setattr(message, field.name, _odd_of(field, random))


def _odd_of(field: Any, random: Random) -> Any:
    if field.type == field.TYPE_STRING:
        return odd_text(random)[:300]
    if field.type == field.TYPE_BYTES:
        return random.randbytes(random.choice((0, 1, 4, 64)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if field.type == field.TYPE_ENUM:
        return random.randrange(24)
    if random.random() < 0.5:
        return random.randrange(25)
    bits = 31 if field.type == field.TYPE_INT32 else 63
    return max(
        min(odd_integer(random), 2**bits - 1), 0 if "UINT" in str(field.type) else -(2**bits)
    )


# Parquet


def change_footer(content: bytes, random: Random) -> bytes:
    """Change the table of contents at the end of a Parquet file, which says its own length."""
    (size,) = struct.unpack_from("<I", content, len(content) - 8)
    footer = content[len(content) - 8 - size : -8]
    changed = random.choice(ANY_BYTES)(footer, random)
    return content[: len(content) - 8 - size] + changed + struct.pack("<I", len(changed)) + b"PAR1"


def change_columns(content: bytes, random: Random) -> bytes:
    """Change a column of a Parquet file: its name, its type, its nulls, a value; or its order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = pq.read_table(io.BytesIO(content)).to_pydict()
    name = random.choice(list(columns))
    values = columns[name]
    way = random.randrange(6)
    if way == 0:
        del columns[name]
    elif way == 1:
        columns[odd_text(random)[:100]] = columns.pop(name)
    elif way == 2:
        columns[name] = [odd_text(random)[:100] for _ in values]
    elif way == 3:
        columns[name] = [None] * len(values)
    elif way == 4:
        row = random.randrange(len(values))
        value = values[row]
        if isinstance(value, bytes):
            values[row] = random.choice(ANY_BYTES)(value, random)
        elif isinstance(value, list):
            values[row] = value[1:] if random.random() < 0.5 else [-v for v in value] + [2**62]
        else:
            values[row] = random.choice((None, -1, 7, 2**62))
    else:
        columns[name] = [[value] for value in values]
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
