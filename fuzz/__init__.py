"""Damaged and hostile inputs for every reader of mien, by Hypothesis; see docs/fuzzing.md.

make fuzz                                          every reader, 10,000 inputs each
FUZZ_INPUTS=300 python -m pytest fuzz -k 'images or onnx' --hypothesis-seed 7
"""

import sys
from pathlib import Path

# What the tests make small files with.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
