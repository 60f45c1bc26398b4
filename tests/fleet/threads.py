"""Shards in threads of the test's own process: everything of a sharded run but the start of processes."""

from threading import Thread

from sim.fleet.shards import run_shard


class Threads:
    """A launcher."""

    patience_s = 20.0

    def __init__(self):
        self.threads = []

    def launch(self, spec):
        self.threads.append(Thread(target=run_shard, args=(spec,), daemon=True))
        self.threads[-1].start()

    def ended(self, index):
        return ""

    def stop(self):
        for thread in self.threads:
            thread.join(20.0)
