#!/bin/sh
# mp4box 2.4.1 (mp4box.js, which feeds decoders of WebCodecs): cts of a sample is its time on the track; the
# file's edit list, which says when the track begins, is left out. x264 with B-frames writes one: the first
# frame, at 0 s in players and PyAV, has cts / timescale .08 s, and of a video whose picture begins 1 s after
# its sound all frames are .92 s early. Reckon with track.edits, or take mediabunny, which does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund mp4box@2.4.1 mediabunny@1.61.0
venv/bin/python - <<'PYTHON'
import av
import numpy as np

noise = np.random.default_rng(0).integers(0, 256, (50, 64, 64, 3), dtype=np.uint8)
for name, frames_between, late in (("plain", 0, 0), ("b_frames", 2, 0), ("late", 2, 25)):
    with av.open(f"{name}.mp4", "w") as file:
        stream = file.add_stream("libx264", rate=25, width=64, height=64, options={"bf": str(frames_between)})
        sound = file.add_stream("aac", rate=8000)
        for number in range(4):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts = 8000, 8000 * number
            file.mux(sound.encode(tone))
        for number, image in enumerate(noise):
            frame = av.VideoFrame.from_ndarray(image)
            frame.pts = number + late
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None) + sound.encode(None))
    with av.open(f"{name}.mp4") as file:
        assert np.allclose([one.time for one in file.decode(video=0)], (np.arange(50) + late) / 25)
PYTHON
cat > times.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import { createFile } from 'mp4box';

const seen = {};
for (const [name, start] of [['plain', 0], ['b_frames', 0], ['late', 1]]) {
  const buffer = new Uint8Array(fs.readFileSync(`${name}.mp4`)).buffer;
  const input = new Input({ source: new BufferSource(buffer), formats: ALL_FORMATS });
  const times = { mediabunny: [], mp4box: [] };
  for await (const packet of new EncodedPacketSink(await input.getPrimaryVideoTrack()).packets())
    times.mediabunny.push(packet.timestamp);
  const file = createFile();
  file.onReady = (info) => { file.setExtractionOptions(info.videoTracks[0].id); file.start(); };
  file.onSamples = (id, user, samples) => times.mp4box.push(...samples.map((s) => s.cts / s.timescale));
  file.appendBuffer(Object.assign(buffer, { fileStart: 0 }));
  file.flush();
  for (const by in times) times[by] = times[by].sort((a, b) => a - b).map((t) => Math.round(100 * t) / 100);
  console.log(`${name}: from ${start} s on; mediabunny ${times.mediabunny[0]}, mp4box ${times.mp4box[0]} s`);
  times.mediabunny.forEach((time, i) => assert.equal(time, Math.round(100 * (start + i / 25)) / 100));
  const late = times.mp4box.map((time, i) => Math.round(100 * (time - times.mediabunny[i])));
  seen[name] = [late.length, ...new Set(late)];
}
assert.deepEqual(seen, { plain: [50, 0], b_frames: [50, 8], late: [50, -92] });
NODE
node times.mjs
