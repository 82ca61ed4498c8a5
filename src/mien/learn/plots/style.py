"""What the figures of learning share with those of recognition."""

from mien.figures import DPI, EMOTION_COLORS, figure, save

__all__ = ["DPI", "EMOTION_COLORS", "figure", "save"]
