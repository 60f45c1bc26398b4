# A small OTA application for AWS IoT Jobs: it asks for work, does it, and tells what became of it.
#
# This thread only looks after things: jobs run in a thread of their own, because a download blocks.

import _thread
import checkNet
import log
import modem
import utime

import usr.settings as settings
from usr.jobs import Jobs
from usr.upgrade import Upgrade

log.basicConfig(level=log.INFO)
logger = log.getLogger("main")


def installed_files():
    # Versions of the application files; one that cannot even be imported has none and gets replaced.
    versions = {}
    try:
        import usr.a as a

        versions["/usr/a.py"] = a.getversion()
    except Exception as error:
        logger.error("a.py: %s", error)
    try:
        import usr.b as b

        versions["/usr/b.py"] = b.getversion()
    except Exception as error:
        logger.error("b.py: %s", error)
    return versions


class Worker(object):
    def __init__(self, upgrade):
        self._upgrade = upgrade
        self.busy = False

    def start(self, execution):
        self.busy = True
        _thread.start_new_thread(self._run, (execution,))

    def _run(self, execution):
        try:
            self._upgrade.carry_out(execution)
        finally:
            self.busy = False


def main():
    stage, state = checkNet.waitNetworkReady(settings.POLL_S)
    if (stage, state) != (3, 1):
        logger.warning("no network yet: stage %d, state %d", stage, state)
    installed = installed_files()
    logger.info("firmware %s, files %s", modem.getDevFwVersion(), installed)
    jobs = Jobs(settings)
    jobs.connect()
    worker = Worker(Upgrade(jobs, installed, settings.ATTEMPTS))
    quiet_s = settings.POLL_S
    was_busy = False
    while True:
        if not worker.busy:
            execution = jobs.offered()
            if execution and execution.get("jobDocument"):
                worker.start(execution)
            elif was_busy or jobs.changed() or quiet_s >= settings.POLL_S:
                quiet_s = 0
                jobs.ask()
        was_busy = worker.busy
        utime.sleep(1)
        quiet_s += 1


main()
