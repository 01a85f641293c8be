"""A Ray cluster on this machine, in a process of its own: Ray prints, warns, and ends late what it started.

``python ray_cluster.py`` obeys commands on standard input, one JSON object a line, and answers each.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile

from tests.interpreter import FRESH


class RayCluster:
    """In a with-statement: nodes come and go; neither they nor their session folder outlive the block."""

    def __enter__(self):
        # Sockets lie in it, so its path has to be short.
        self._folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [FRESH, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "RAY_TMPDIR": self._folder,
                "RAY_USAGE_STATS_ENABLED": "0",
            },
            start_new_session=True,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._log.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, name, **arguments):
        """A node; the first one is the head.

        Returns:
            The process id of its raylet.
        """
        return self._ask(add=name, arguments=arguments)["raylet"]

    def kill(self, name):
        """End the raylet of a node, as when a machine goes, and reap it: Ray takes a zombie for alive."""
        self._ask(kill=name)

    @property
    def address(self):
        return self._ask()["address"]

    def _ask(self, **command):
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(self._log.read().decode(errors="replace"))
        return json.loads(line)


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from ray.cluster_utils import Cluster

    cluster, nodes = Cluster(), {}
    for line in sys.stdin:
        command, reply = json.loads(line), {"address": cluster.address}
        if name := command.get("add"):
            first = {} if nodes else {"include_dashboard": False}
            nodes[name] = cluster.add_node(**first, **command["arguments"])
            reply["raylet"] = nodes[name].all_processes["raylet"][0].process.pid
        elif name := command.get("kill"):
            raylet = nodes[name].all_processes["raylet"][0].process
            raylet.kill()
            raylet.wait()
        print(json.dumps(reply), file=replies, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
