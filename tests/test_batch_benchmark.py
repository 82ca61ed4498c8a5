"""What benchmarks/batch.py measures, and what it computes from it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import batch as benchmark
from processes import family_of, shared_out_mb, sum_of

pytestmark = pytest.mark.tools


def test_memory_counts_all_that_a_process_has_started() -> None:
    hold = "import sys; block = bytearray(80_000_000); print(1, flush=True); sys.stdin.read()"
    start = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}], stdin=sys.stdin)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert len(family_of(process.pid)) == 2
        assert sum_of(process.pid, shared_out_mb) > 80
    assert os.getpid() == family_of(os.getpid())[0].pid
    assert family_of(process.pid) == []


def test_the_plan_follows_from_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        path = benchmark.image(tmp_path / "images", number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100_000))
    stages = dict.fromkeys(("waiting", "classification", "writing"), 0.1)
    stages |= {"decoding": 0.2, "detection": 0.5}

    def measured(
        name: str, workers: int, images: int, wall_s: float, mb: float
    ) -> benchmark.Measured:
        return benchmark.Measured(name, workers, images, wall_s, 0.95, mb, stages)

    monkeypatch.setattr(benchmark, "NODE_CORES", 10)
    options = argparse.Namespace(work=tmp_path, images=1000, node_hour=2.0)
    text = benchmark.report(
        options,
        4.0,
        (50.0, 500),
        measured("processes", 2, 2, 1.0, 300.0),
        [
            measured("processes", 1, 1000, 10.0, 200.0),  # 100 a second
            measured("processes", 2, 1000, 5.0, 309.0),
            measured("Ray", 2, 1000, 8.0, 900.0),
        ],
    )
    assert "Two processes read 2.00 times as many" in text
    assert "+3.0% of that with 2" in text
    assert "| `mien batch`, 1,000 images, Ray | 2 | 125.0 | 31.2 | 95% | 900 MB |" in text
    # 1,000 images a second on a node of ten cores.
    assert "| 1 million | 1 | 17 min | 0.28 | 0.56 |" in text
    assert "| 100 million | 4 | 6.9 h | 27.78 | 55.56 |" in text
    assert "The largest stage is detection, 50% of the time." in text
    assert "0.80 Gbit/s from the store: with 10 Gbit/s to it, 12 such nodes" in text
    assert np.isclose(benchmark.Measured("x", 1, 10, 4.0, None, 1.0, stages).rate, 2.5)
