"""Images and videos -> faces -> crops -> probabilities -> readings."""

try:
    import cv2 as _cv2  # noqa: F401
except ImportError as error:  # of a library that opencv-python needs, and servers do not have
    from mien.environment import broken_opencv

    raise ImportError(broken_opencv(str(error))) from error
