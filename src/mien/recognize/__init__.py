"""Images and videos -> faces -> crops -> probabilities -> readings."""

from mien.opencv import cv2 as _cv2  # noqa: F401  # before a module here imports it by itself
