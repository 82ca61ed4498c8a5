"""Strategies of Hypothesis that damage files: any bytes, and what a format hides behind checksums.

A `Change` draws what it does and returns the changed content. Those that know a format raise nearly
anything where the content is too damaged for them; `damaged` then changes bytes instead.
"""

import gzip
import io
import json
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

Change: TypeAlias = Callable[[st.DrawFn, bytes], bytes]

MOST_BYTES: Final = 1 << 20  # inputs do not grow beyond it: slow ones find no more
_END: Final = 512  # bytes, where headers and tables of contents lie
_BYTE_ORDERS: Final = st.sampled_from(["little", "big"])

_EDGES: Final = [0, 1, 7, 128, 255, 256, 2**15, 2**16, 2**31, 2**32, 2**62, 2**63, 2**64]
ODD_INTEGERS: Final = st.sampled_from(_EDGES).flatmap(lambda n: st.integers(n - 1, n + 1))
"""Numbers at which readers stumble: zero, the ends of types, one beside them."""

_WORDS: Final = (
    *("", " ", "0", "-1", "1e999", "nan", "-inf", "0x10", "1_000", "3.0", '"', "'", "{}", "null"),
    "٣",  # a digit, and Python's int() takes it
    "²",  # a digit, and Python's int() does not
    "9" * 5000,  # more digits than Python's int() takes
    "a" * 200_000,  # more than a field of Python's csv may have
    *("\x00", "\x1b[2J", "\u202e\ud7ff\ufeff", "../../x", "/dev/zero"),
)
ODD_TEXTS: Final = st.sampled_from(_WORDS) | ODD_INTEGERS.map(str) | st.text(max_size=5)
ODD_NAMES: Final = ODD_TEXTS.map(lambda text: text[:100] or "x")


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [{"config": value}]
    return value


ODD_VALUES: Final = st.recursive(
    st.none() | st.booleans() | ODD_INTEGERS | ODD_INTEGERS.map(lambda n: -n) | st.floats()
    | ODD_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXTS, inner, max_size=3),
    max_leaves=6,
) | st.sampled_from([10**400, _nested(3), _nested(45), _nested(450), [0] * 5000])  # fmt: skip
"""Values of JSON at which readers stumble."""


# Any bytes


def _place(draw: st.DrawFn, size: int) -> int:
    """An index below `size`, often near the begin or the end."""
    near = min(size, _END)
    everywhere = st.integers(0, size - 1)
    return draw(everywhere | st.integers(0, near - 1) | st.integers(size - near, size - 1))


def _span(draw: st.DrawFn, content: bytes) -> tuple[int, int]:
    """Where a piece begins and ends; most are short."""
    start = _place(draw, len(content))
    return start, min(len(content), start + draw(st.integers(1, 16) | st.integers(1, 4096)))


_WAYS: Final = st.sampled_from(
    ["bit", "integer", "truncate", "remove", "repeat", "move", "fill", "insert"]
)


def change_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Change something, whatever it is."""
    if not content:
        return draw(st.binary(max_size=16))
    way, (start, end) = draw(_WAYS), _span(draw, content)
    piece = content[start:end]
    match way:
        case "bit":
            end = start + 1
            piece = bytes([content[start] ^ 1 << draw(st.integers(0, 7))])
        case "integer":  # over what may be a length or a size
            width = draw(st.sampled_from([1, 2, 4, 8]))
            number = draw(ODD_INTEGERS) % 256**width
            end, piece = start + width, number.to_bytes(width, draw(_BYTE_ORDERS))
        case "truncate":
            end, piece = len(content), b""
        case "remove":
            piece = b""
        case "repeat":
            piece *= 1 + draw(st.sampled_from([1, 2, 50]))
        case "move":  # over another place
            start = _place(draw, len(content))
            end = start + len(piece)
        case "fill":
            noise = draw(st.sampled_from([b"\0", b"\xff"]) | st.binary(min_size=1, max_size=32))
            piece = (noise * len(piece))[: len(piece)]
        case "insert":
            end, piece = start, draw(st.binary(min_size=1, max_size=16))
    return content[:start] + piece + content[end:]


@st.composite
def damaged(
    draw: st.DrawFn,
    seeds: Mapping[str, Sequence[bytes]],
    changes: Mapping[str, Sequence[Change]],
) -> tuple[str, bytes]:
    """A file's name and content: a seed with one change, or a few.

    Of files whose format some changes know, two of three have some of these.
    """
    name = draw(st.sampled_from(sorted(seeds)))
    content = draw(st.sampled_from(list(seeds[name])))
    own = changes.get(name, ())
    known = draw(st.integers(0, 2)) if own else 0
    # First, while the content is whole: HDF5 hangs in a damaged file also when that is changed.
    for _ in range(known):
        try:
            content = draw(st.sampled_from(own))(draw, content)
        except UnsatisfiedAssumption:
            raise
        except Exception:  # what the change before has left is too little for it
            content = change_bytes(draw, content)
            break
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 4] if known else [1, 1, 2, 4]))):
        content = change_bytes(draw, content)
    return name, content[:MOST_BYTES]


# JSON, and tables of text


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each list or object, with each index or key in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        keys = list(inner) if isinstance(inner, dict) else []
        for key in range(len(inner)) if isinstance(inner, list) else keys:
            found.append((inner, key))
            waiting.append(inner[key])
    return found


def change_value(draw: st.DrawFn, value: Any) -> Any:
    """Change one place in a value of JSON: another value, another name, or none."""
    places = _places(value)
    if not places:
        return draw(ODD_VALUES)
    inner, key = draw(st.sampled_from(places))
    kind = draw(st.sampled_from(["odd", "odd", "near", "delete", "rename", "copy", "text"]))
    if kind == "delete":
        del inner[key]
    elif kind == "rename" and isinstance(inner, dict):
        inner[draw(ODD_TEXTS)] = inner.pop(key)
    elif kind == "copy":
        other, at = draw(st.sampled_from(places))
        inner[key] = json.loads(json.dumps(other[at]))
    elif kind == "near" and isinstance(inner[key], int | float):
        inner[key] = draw(st.sampled_from([-inner[key], inner[key] * 1000, inner[key] + 0.5, 0]))
    elif kind == "text":
        inner[key] = str(inner[key])
    else:
        inner[key] = draw(ODD_VALUES)
    return value


def change_json(draw: st.DrawFn, content: bytes) -> bytes:
    """Change one place in JSON, or in a line of it."""
    if draw(st.integers(0, 50)) == 50:  # deeper than Python goes
        return content[: _place(draw, len(content))] + b"[" * 100_000
    lines = content.decode().splitlines(keepends=True)
    number = draw(st.integers(0, len(lines) - 1))
    try:
        lines[number] = json.dumps(change_value(draw, json.loads(lines[number]))) + "\n"
    except ValueError:  # one value over many lines
        return json.dumps(change_value(draw, json.loads(content))).encode()
    return "".join(lines).encode("utf-8", "surrogatepass")


def change_table(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a cell, a row, a column or the encoding of a table of text."""
    text = content.decode(errors="replace")
    kind = draw(st.sampled_from(["encoding", "separator", "row", "column", "word", "cell", "cell"]))
    if kind == "encoding":
        encoding = draw(st.sampled_from(["utf-16", "utf-8-sig", "latin-1", "utf-32"]))
        return text.encode(encoding, "replace")
    if kind == "separator":
        old = draw(st.sampled_from(["\n", ","]))
        return text.replace(
            old, draw(st.sampled_from(["\r", "\n\n", "\0", "", ";", ',"']))
        ).encode()
    rows = [line.split(",") for line in text.split("\n")]
    row = draw(st.sampled_from(rows))
    cell = draw(st.integers(0, len(row) - 1))
    if kind == "row":
        rows.insert(draw(st.integers(0, len(rows))), list(row))
    elif kind == "column":
        for one in rows:
            one[cell : cell + 1] = draw(st.lists(ODD_TEXTS, max_size=2))
    elif kind == "word":
        words = row[cell].split(" ")
        words[draw(st.integers(0, len(words) - 1))] = draw(ODD_TEXTS)
        row[cell] = " ".join(words)
    else:
        row[cell : cell + 1] = draw(st.lists(ODD_TEXTS, max_size=2))
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")


def change_safetensors(draw: st.DrawFn, content: bytes) -> bytes:
    """Change one place in the JSON before the weights, whose length is made right."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:end])
    about = header.get("__metadata__", {})
    if about and draw(st.booleans()):  # a recipe in JSON, in JSON
        name = draw(st.sampled_from(sorted(about)))
        about[name] = change_json(draw, about[name].encode()).decode(errors="replace")
    else:
        header = change_value(draw, header)
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + content[end:]


# Images and archives


def change_png(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a chunk of a PNG file and give it the checksum that it then needs."""
    place, chunks = 8, []
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    number = draw(st.integers(0, len(chunks) - 1))
    kind, data = chunks[number]
    way = draw(st.sampled_from(["repeat", "delete", "pixels", "size", "bytes", "bytes"]))
    if way == "repeat":
        chunks.insert(draw(st.integers(0, len(chunks))), (kind, data))
    elif way == "delete":
        del chunks[number]
    elif way == "pixels" and kind == b"IDAT":
        chunks[number] = (kind, zlib.compress(change_bytes(draw, zlib.decompress(data))))
    elif way == "size":
        head = bytearray(chunks[0][1])
        side = draw(st.sampled_from([0, 1, 5000, 13_000, 13_377, 2**31 - 1]))
        struct.pack_into(">I", head, draw(st.sampled_from([0, 4])), side)
        chunks[0] = (chunks[0][0], bytes(head))
    else:
        chunks[number] = (kind, change_bytes(draw, data))
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def change_zip(inner: Callable[[str], Change | None]) -> Change:
    """A change of a member of a zip archive, which gets the checksum that it then needs.

    `inner` gives the change that knows the format of a member, by its name.
    """

    def change(draw: st.DrawFn, content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(one.filename, archive.read(one)) for one in archive.infolist()]
        number = draw(st.integers(0, len(members) - 1))
        name, data = members[number]
        way = draw(st.sampled_from(["delete", "repeat", "rename", *["change"] * 5]))
        if way == "delete":
            del members[number]
        elif way == "repeat":
            members.append((name, data))
        elif way == "rename":
            # zipfile ends a name at a zero byte, and writes none that is empty.
            members[number] = (draw(ODD_NAMES).replace("\0", "_"), data)
        else:
            own = inner(name)
            how = own if own is not None and draw(st.booleans()) else change_bytes
            members[number] = (name, how(draw, data))
        buffer = io.BytesIO()
        kind = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", kind) as archive:
            warnings.simplefilter("ignore")  # two members of one name are what is wanted
            for name, data in members:
                archive.writestr(name, data)
        return buffer.getvalue()

    return change


def change_tar(draw: st.DrawFn, content: bytes) -> bytes:
    """Change the header of a member of a tar archive, whose sum fits again."""
    places, place = [], 0
    while place + 1024 <= len(content) and content[place] != 0:
        places.append(place)
        size = int(content[place + 124 : place + 135].split(b"\0")[0] or b"0", 8)
        place += 512 + -(-size // 512) * 512
    start = draw(st.sampled_from(places))
    head = bytearray(content[start : start + 512])
    way = draw(st.sampled_from(["name", "size", "kind", "byte"]))
    if way == "name":  # which may lead out of the archive, or be of no image
        name = draw(ODD_TEXTS).encode(errors="replace")[:90]
        head[:100] = (name + draw(st.sampled_from([b".jpg", b"", b"/"]))).ljust(100, b"\0")
    elif way == "size":
        head[124:136] = b"%011o\0" % (abs(draw(ODD_INTEGERS)) % 8**11)
    elif way == "kind":
        head[156] = draw(st.sampled_from(list(b"0123456789LKxgSV\0")))
    else:
        head[draw(st.integers(0, 511))] = draw(st.integers(0, 255))
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return content[:start] + bytes(head) + content[start + 512 :]


def change_gzip(inner: Change) -> Change:
    """A change of what is compressed, which is then compressed again."""
    return lambda draw, content: gzip.compress(inner(draw, gzip.decompress(content)), 1, mtime=0)


# Models and Parquet


def change_hdf5(draw: st.DrawFn, content: bytes) -> bytes:
    """Change the configuration in an HDF5 file of Keras's, or one of its data sets."""
    import h5py

    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        way = draw(st.sampled_from(["config", "config", "attribute", "dataset"]))
        if way == "config" and "model_config" in file.attrs:
            key = draw(st.sampled_from(sorted({"model_config", "mien"} & set(file.attrs))))
            text = json.dumps(change_value(draw, json.loads(file.attrs[key])))
            file.attrs[key] = text if draw(st.booleans()) else text.encode("utf-8", "replace")
        elif way == "attribute":
            place = file[draw(st.sampled_from(["/", *sorted(names)]))]
            key = draw(st.sampled_from(sorted(place.attrs) or ["model_config"]))
            place.attrs[key] = draw(st.sampled_from([b"x", "x", 1, [1, 2], 0.5, "[" * 5000]))
        else:
            name = draw(st.sampled_from(sorted(names)))
            shape = getattr(file[name], "shape", (1,))
            del file[name]
            shapes: list[Any] = [None, shape, shape[::-1], (0,), (*shape, 2), (2**40,)]
            shape = draw(st.sampled_from(shapes))
            if shape is not None:
                kind = draw(st.sampled_from(["f4", "f8", "f2", "i8", "S4"]))
                file.create_dataset(name, shape, kind, chunks=True if shape else None)
    return buffer.getvalue()


def change_onnx(draw: st.DrawFn, content: bytes) -> bytes:
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
                waiting.extend(value if field.is_repeated else [value])
    if draw(st.integers(0, 6)) == 6:  # what mien wrote beside the network
        entry = draw(st.sampled_from(list(model.metadata_props)))
        entry.value = json.dumps(change_value(draw, json.loads(entry.value)))
    else:
        message = messages[draw(st.integers(0, len(messages) - 1))]
        there = [field for field, _ in message.ListFields()]
        rarely = draw(st.integers(0, 6)) == 6
        fields = there if there and not rarely else list(message.DESCRIPTOR.fields)
        _change_field(draw, message, draw(st.sampled_from(fields)), messages)
    changed: bytes = model.SerializePartialToString()
    return changed


def _change_field(draw: st.DrawFn, message: Any, field: Any, messages: list[Any]) -> None:
    if not field.is_repeated:
        if field.type == field.TYPE_MESSAGE:
            message.ClearField(field.name)
        elif field.type == field.TYPE_BYTES and draw(st.booleans()):
            setattr(message, field.name, change_bytes(draw, getattr(message, field.name)))
        else:
            setattr(message, field.name, _odd_of(draw, field, messages))
        return
    values = getattr(message, field.name)
    if len(values) and draw(st.booleans()):
        del values[draw(st.integers(0, len(values) - 1))]
    elif field.type != field.TYPE_MESSAGE:
        values.append(_odd_of(draw, field, messages))
    elif same := [one for one in messages if one.DESCRIPTOR is field.message_type]:
        values.append(same[draw(st.integers(0, len(same) - 1))])


def _odd_of(draw: st.DrawFn, field: Any, messages: list[Any]) -> Any:
    if field.type == field.TYPE_STRING:
        texts = [value for m in messages for _, value in m.ListFields() if isinstance(value, str)]
        return draw(st.sampled_from(texts) | ODD_NAMES)
    if field.type == field.TYPE_BYTES:
        return draw(st.binary(max_size=64))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return draw(st.sampled_from([0.0, -1.0, 1e30, float("nan"), float("inf")]))
    if field.type == field.TYPE_ENUM:  # protobuf refuses a number that its enum does not have
        return draw(st.sampled_from(list(field.enum_type.values))).number
    bits = 31 if field.type == field.TYPE_INT32 else 63
    signed = field.type in (field.TYPE_INT32, field.TYPE_INT64)
    lowest = -(2**bits) if signed else 0
    number: int = draw(st.integers(0, 24) | ODD_INTEGERS | st.just(-1))
    return max(lowest, min(number, 2**bits - 1))


def change_footer(draw: st.DrawFn, content: bytes) -> bytes:
    """Change the table of contents at the end of a Parquet file, which says its own length."""
    (size,) = struct.unpack_from("<I", content, len(content) - 8)
    body, footer = content[: len(content) - 8 - size], content[len(content) - 8 - size : -8]
    changed = change_bytes(draw, footer)
    return body + changed + struct.pack("<I", len(changed)) + b"PAR1"


def change_columns(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a column of a Parquet file: its name, its type, its nulls or a value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = pq.read_table(io.BytesIO(content)).to_pydict()
    name = draw(st.sampled_from(sorted(columns)))
    values = columns.pop(name)
    way = draw(st.sampled_from(["delete", "rename", "texts", "nulls", "lists", "value"]))
    if way == "rename":
        columns[draw(ODD_NAMES)] = values
    elif way == "texts":
        columns[name] = [draw(ODD_NAMES) for _ in values]
    elif way == "nulls":
        columns[name] = [None] * len(values)
    elif way == "lists":
        columns[name] = [[value] for value in values]
    elif way == "value":
        row = draw(st.integers(0, len(values) - 1))
        if isinstance(values[row], bytes):
            values[row] = change_bytes(draw, values[row])
        elif isinstance(values[row], list):
            values[row] = draw(st.sampled_from([values[row][1:], [*values[row], -1, 2**62]]))
        else:
            values[row] = draw(st.sampled_from([None, -1, 7, 2**62]))
        columns[name] = values
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
