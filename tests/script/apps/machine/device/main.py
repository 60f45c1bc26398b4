# An upgrade as a machine of states: whatever happens becomes an event in a queue, and one thread takes them one by one. Each
# job ends in SUCCEEDED, FAILED or REJECTED, whatever goes wrong on the way.

import _thread
import app_fota
import checkNet
import fota
import log
import modem
import queue
import ql_fs
import utime
from misc import Power

import usr.cloud as cloud
import usr.app as app

log.basicConfig(level=log.INFO)
logger = log.getLogger("machine")

NOTE = "/usr/state.json"
TRIES = 3
PAUSE_S = (5, 20)
DOWNLOAD_S = 900
IDLE, CHECKING, DOWNLOADING, RESTARTING = "idle", "checking", "downloading", "restarting"


class Machine(object):
    def __init__(self, link):
        self._link = link
        self._events = queue.Queue(16)
        self._state = IDLE
        self._job = None
        self._handlers = {
            (IDLE, "job"): self._check,
            (CHECKING, "wanted"): self._download,
            (CHECKING, "installed"): self._succeed,
            (CHECKING, "unknown"): self._reject,
            (DOWNLOADING, "staged"): self._restart,
            (DOWNLOADING, "missed"): self._try_again,
        }

    def post(self, event, value=None):
        if self._events.put((event, value)) is False:
            logger.error("too many events, %s is lost", event)

    def run(self):
        while True:
            event, value = self._events.get()
            handler = self._handlers.get((self._state, event))
            if handler is None:
                logger.warning("%s while %s", event, self._state)
                continue
            handler(value)

    def busy(self):
        return self._state != IDLE

    def _enter(self, state):
        logger.info("%s -> %s", self._state, state)
        self._state = state

    def _note(self):
        return ql_fs.read_json(NOTE) or {}

    def _check(self, job):
        self._enter(CHECKING)
        self._job = job
        self._item = job["jobDocument"]["files"][0]
        operation, version = job["jobDocument"]["operation"], self._item["fileVersion"]
        if operation not in ("firmware", "app"):
            self.post("unknown", operation)
        elif version == (modem.getDevFwVersion() if operation == "firmware" else app.VERSION):
            self.post("installed", version)
        else:
            self.post("wanted", operation)

    def _download(self, operation):
        self._enter(DOWNLOADING)
        note = self._note()
        tries = note.get("tries", 0) + 1 if note.get("job") == self._job["jobId"] else 1
        ql_fs.touch(NOTE, {"job": self._job["jobId"], "tries": tries})
        if tries > TRIES:
            self._finish("FAILED", reason="given up after %d tries" % TRIES)
            return
        self._link.report(self._job, "IN_PROGRESS", attempt=str(tries))
        work = self._firmware if operation == "firmware" else self._app
        _thread.start_new_thread(work, (self._item,))

    def _firmware(self, item):
        outcome = []

        def hear(event):
            if event[0] != 1:
                outcome.append(event[0])

        result = fota(reset_disable=1).httpDownload(url1=item["fileSource"]["url"], callback=hear)
        for _ in range(DOWNLOAD_S):
            if outcome or result != 0:
                break
            utime.sleep(1)
        good = result == 0 and outcome and outcome[0] in (0, 2)
        self.post("staged" if good else "missed", "firmware")

    def _app(self, item):
        try:
            updater = app_fota.new()
            result = updater.download(item["fileSource"]["url"], item["fileName"])
            if result == 0:
                updater.set_update_flag()
        except Exception as error:
            logger.warning("app_fota: %s", error)
            result = -1
        self.post("staged" if result == 0 else "missed", "app")

    def _try_again(self, operation):
        tries = self._note().get("tries", TRIES)
        if tries >= TRIES:
            self._finish("FAILED", reason="missed %d times" % tries)
            return
        utime.sleep(PAUSE_S[tries - 1])
        self._enter(IDLE)
        self._link.ask()  # which brings a fresh address

    def _restart(self, _):
        self._enter(RESTARTING)
        self._link.report(self._job, "IN_PROGRESS", step="restart")
        utime.sleep(1)
        Power.powerRestart()

    def _succeed(self, version):
        self._finish("SUCCEEDED", version=version)

    def _reject(self, operation):
        self._finish("REJECTED", reason="no operation " + str(operation))

    def _finish(self, status, **details):
        self._link.report(self._job, status, **details)
        ql_fs.touch(NOTE, {"job": None, "tries": 0})
        self._enter(IDLE)


def main():
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    machine = Machine(link)
    _thread.start_new_thread(machine.run, ())
    while True:
        if not machine.busy():
            job = link.next_job()
            if job is not None:
                machine.post("job", job)
        utime.sleep(1)


main()
