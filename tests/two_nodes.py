"""A Ray cluster of two nodes on this machine, by Ray's own utilities; a script.

    python two_nodes.py

prints the address. A line `remove` on standard input takes the second node away without a word to
anybody; the end of standard input ends the cluster.
"""

import os
import sys
from typing import Any, Final

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_prestart_worker_first_driver": "0",  # workers that nobody asks for
    "RAY_raylet_start_wait_time_s": "120",
}

from ray.cluster_utils import Cluster

NODE: Final[dict[str, Any]] = {
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,
}
STARTS: Final = 4  # Ray gives a node half a minute to come up, which a busy machine may exceed


def started() -> tuple[Cluster, Any]:
    """A cluster, and its second node."""
    for left in reversed(range(STARTS)):
        cluster = Cluster()
        try:
            cluster.add_node(**NODE)
            return cluster, cluster.add_node(**NODE)
        except Exception:  # Ray raises no other
            cluster.shutdown()  # type: ignore[no-untyped-call]
            if not left:
                raise
    raise AssertionError


if __name__ == "__main__":
    cluster, second = started()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(second, allow_graceful=False)
            print("removed", flush=True)
    cluster.shutdown()  # type: ignore[no-untyped-call]
