# syntax=docker/dockerfile:1
#
# `mien serve`, as a user without rights, on a file system that may be read-only:
#
#     docker build --tag mien .
#     docker run --rm --publish 127.0.0.1:8642:8642 --env MIEN_TOKEN \
#         --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges mien
#
# MIEN_TOKEN is what clients must know, eight letters or more; without it one is made up, and printed.
# docs/container.md has the rest: TLS, other names, what videos take, what passing the image on means.

ARG PYTHON=3.14

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/mien \
    && /opt/mien/bin/pip install --no-cache-dir --disable-pip-version-check '.[web]'

FROM python:${PYTHON}-slim
RUN groupadd --system --gid 10001 mien \
    && useradd --system --uid 10001 --gid mien --no-create-home --shell /usr/sbin/nologin mien
COPY --from=build /opt/mien /opt/mien
ENV PATH=/opt/mien/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8642
# Where no token was given, the one made up is not known here: to be refused is an answer, too.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', 8642, timeout=4); c.request('GET', '/api/health', headers={'Authorization': 'Bearer ' + os.environ.get('MIEN_TOKEN', '')}); raise SystemExit(c.getresponse().status not in (200, 401))"]
ENTRYPOINT ["mien"]
CMD ["serve", "--host", "0.0.0.0", "--no-browser"]
