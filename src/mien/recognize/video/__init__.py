"""Videos and cameras -> what each face shows over time, every frame at its true time.

    frames     files, streams and cameras -> frames with their times (containers, cameras)
    tracking   the same face keeps its number from frame to frame
    smoothing  probabilities over time, and labels that hold
    readings   the flow: frames -> followed, smoothed readings
    offline    the same, smoothed with the frames to come as well
    writer     frames -> a video with the sound of the one they come from
    records    readings -> CSV, JSON lines and Parquet, as the video is read
    totals, timeline, report   what each person showed: summary, figure, page
    outputs, files, batch      videos on the disk -> all that is written of them
    live, live_view            a camera, read and shown as it is seen

Nothing here is loaded for images.
"""
