"""The server behind `mien serve`: readings for a page in the browser, and for other programs.

    settings, limits   what it is started with, and how much it takes
    guard              whom it answers: hosts, origins, tokens, sizes, times
    answers, schemas   what answers look like, errors too, and how OpenAPI describes them
    batching, readers  one network for many clients; threads with detectors of their own
    service            what the routes share
    uploads            bodies -> pictures, or a film on the disk that has no name
    pictures, films, live, models, page    the routes
    film_reading, film_events   one film: read in a thread, and what is sent of it
    channels           from a thread to the event loop, with room for little
    app, server, processes      all of it together; sockets and signals; several processes

Needs the extra `web`; nothing else in mien imports it.
"""
