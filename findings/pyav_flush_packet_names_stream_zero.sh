#!/bin/sh
# PyAV 18.1.0: the empty last packet of demux(stream), which makes a decoder give the frames that it
# still holds, has stream_index 0 whatever its stream, while packet.stream is right. A loop that picks
# packets by stream_index loses the last frames of every stream but the first, without an error:
# of the six pictures of an animated AVIF (its second stream) it shows four.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import av
from PIL import Image

pictures = [Image.new("L", (64, 64), 40 * number) for number in range(6)]
pictures[0].save("moving.avif", save_all=True, append_images=pictures[1:], duration=100)


def frames(index_of):
    with av.open("moving.avif") as file:
        stream = file.streams.video[1]
        packets = [packet for packet in file.demux(stream) if index_of(packet) == stream.index]
        return sum(len(packet.decode()) for packet in packets)


by_index = frames(lambda packet: packet.stream_index)
by_stream = frames(lambda packet: packet.stream.index)
print(f"frames of 6: {by_stream} by packet.stream, {by_index} by packet.stream_index")
assert (by_stream, by_index) == (6, 4)
PYTHON
