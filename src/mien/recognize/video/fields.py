"""Interlaced frames -> whole ones, each of one moment and not woven of two."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av
    from av.filter import Graph


def unwoven(decoded: "Iterator[av.VideoFrame]", threads: int) -> "Iterator[av.VideoFrame]":
    """Frames as they are, but for those that their codec calls interlaced.

    Of those the field that was taken first stays, and FFmpeg's `bwdif` fills in the lines of the
    other. Where the codec does not say which came first, it takes the lower one, as bwdif does.

    Args:
        decoded: frames in the order of showing.
        threads: that the filter may use.
    Yields:
        As many frames with the same times; from the first interlaced one on, one frame later.
    """
    graph: Graph | None = None
    shape = None
    for frame in decoded:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None or shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _rest(graph)
            graph = _graph_for(frame, threads)
            shape = (frame.width, frame.height, frame.format.name)
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph is not None:
        yield from _rest(graph)


def _graph_for(frame: "av.VideoFrame", threads: int) -> "Graph":
    from av.filter import Graph

    graph = Graph()
    graph.threads = threads
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    # As near to the true image as yadif, in a quarter of the time.
    whole = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, whole, graph.add("buffersink"))
    graph.configure()
    return graph


def _rest(graph: "Graph") -> "Iterator[av.VideoFrame]":
    graph.vpush(None)
    yield from _pulled(graph)


def _pulled(graph: "Graph") -> "Iterator[av.VideoFrame]":
    import av

    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
