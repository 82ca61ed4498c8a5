"""Damaged and hostile inputs for every reader of mien; see docs/fuzzing.md.

python -m fuzz                      every target, 10,000 inputs each
python -m fuzz images onnx --inputs 300 --seed 7
python -m fuzz --replay fuzz/found/images-raised-1a2b3c4d.png
"""
