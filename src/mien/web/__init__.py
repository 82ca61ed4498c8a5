"""The server behind `mien serve`: readings for a page in the browser, and for other programs.

    server      sockets, signals and processes
    app         page and routes together, and how OpenAPI describes them
    security    whom it answers: hosts, origins, tokens, sizes, times
    settings    what it is started with, and how much it takes
    images, videos, live, camera, models    the routes, and the sessions behind them
    schemas, errors    what answers look like
    uploads     bodies -> images, or a video on the disk that has no name
    service     what the routes share: recognizers, threads, memory
    batching    one network for many clients
    camera_page    the page in place of a window, for `mien webcam`
    static      the page
    site, browser    the page as a folder for any static host, and what it has in the server's place

Needs the extra `web`; nothing else in mien imports it.
"""
