"""Two machines of Ray on this one, as a program: it prints the address of the cluster.

A line on stdin kills the second machine while it labels, and anything else ends both. It needs two
arguments: the processors of each machine, and a folder for Ray.
"""

import sys
from pathlib import Path

from ray.cluster_utils import Cluster

from pictell.batch.ray_engine import work
from waiting import wait_until

# The smallest that Ray takes, in bytes.
STORE = 80_000_000


def main() -> None:
    # Where Ray puts its files if RAY_TMPDIR is the folder.
    cpus, folder = int(sys.argv[1]), Path(sys.argv[2], "ray")
    folder.mkdir(exist_ok=True)
    size = {"num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "temp_dir": str(folder)})
    second = cluster.add_node(**size)
    print(cluster.address, flush=True)
    if sys.stdin.readline().strip():
        raylet = second.all_processes["raylet"][0].process.pid
        wait_until(lambda: f"ray::{work.__name__}" in titles_of_children(raylet))
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)
        sys.stdin.readline()
    cluster.shutdown()


def titles_of_children(parent: int) -> set[str]:
    """What the processes that another one started call themselves."""
    found = set()
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in children.read_text().split():
            title = Path(f"/proc/{child}/cmdline").read_bytes()
            found.add(title.rstrip(b"\0 ").decode())
    return found


if __name__ == "__main__":
    main()
