#!/bin/sh
# @huggingface/transformers 4.3.2: its pipelines of images and sounds put softmax on every network, where Python's
# (5.24.0), and its own of texts, read the network's problem_type: of a face that is happy (.95) and surprised (.92) at
# once, by a multi-label network, "happy .62, surprise .38"; and of a network with one output, a smile or valence, 1 for
# each image, whatever it shows. No word tells. Run the model itself, and put sigmoid(), or nothing, on its logits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.24.0 torch==2.13.0 onnx==1.23.2 numpy==2.4.6 Pillow==13.0.0
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund @huggingface/transformers@4.3.2
cat > classify.py <<'PYTHON'
import json

import torch
import transformers
from PIL import Image

transformers.logging.set_verbosity_error()
EMOTIONS = ["happy", "surprise", "sad", "angry"]
NETWORKS = {
    "single": ("single_label_classification", EMOTIONS, [2.94, 2.44, -3.0, -4.0]),
    "several": ("multi_label_classification", EMOTIONS, [2.94, 2.44, -3.0, -4.0]),
    "smile": ("multi_label_classification", ["smile"], [-3.0]),
    "valence": ("regression", ["valence"], [-0.6]),
}
SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "image_size": 32}
Image.new("RGB", (32, 32), "gray").save("face.png")
processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
seen = {}
for name, (problem, labels, logits) in NETWORKS.items():  # each finds the same in all images
    config = transformers.ViTConfig(**SIZES, problem_type=problem, id2label=dict(enumerate(labels)))
    config.save_pretrained(name)
    model = transformers.ViTForImageClassification(config).eval()
    model.classifier.weight.data.zero_()
    model.classifier.bias.data = torch.tensor(logits)
    found = transformers.pipeline("image-classification", model=model, image_processor=processor)("face.png")
    seen[name] = {row["label"]: round(row["score"], 2) for row in found}
    processor.save_pretrained(name)
    torch.onnx.export(model, (torch.zeros(1, 3, 32, 32),), f"{name}/model.onnx", dynamo=False,
                      input_names=["pixel_values"], output_names=["logits"])
json.dump(seen, open("python.json", "w"))
PYTHON
venv/bin/python -W ignore classify.py
cat > classify.mjs <<'NODE'
import assert from 'assert';
import fs from 'fs';
import { env, pipeline } from '@huggingface/transformers';

Object.assign(env, { localModelPath: '.', allowRemoteModels: false });
for (const [name, python] of Object.entries(JSON.parse(fs.readFileSync('python.json')))) {
  const classify = await pipeline('image-classification', name, { dtype: 'fp32', subfolder: '' });
  const found = (await classify('face.png')).map(({ label, score }) => [label, +score.toFixed(2)]);
  console.log(`${name}: Python ${JSON.stringify(python)}, Node ${JSON.stringify(Object.fromEntries(found))}`);
  assert.equal(found.every(([label, score]) => score === python[label]), name === 'single');
  assert.equal(found.reduce((sum, [, score]) => sum + score, 0).toFixed(2), '1.00');
}
NODE
node classify.mjs
