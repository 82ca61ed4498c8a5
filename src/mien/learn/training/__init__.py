"""Training: a recipe and a seed -> a run, on one device or many, that can stop and go on."""

from mien.errors import needs_extra

with needs_extra("train", "training"):
    import torch  # noqa: F401
