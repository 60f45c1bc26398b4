# Carries out one upgrade job: firmware through fota, application files through app_fota.
#
# A job that restarts the device is offered again after the boot. What was asked is then compared with what
# runs: equal means done. A failed download is left IN_PROGRESS and asked for again, which brings fresh URLs.
# A note in /usr counts the attempts, so that a package that never takes is given up.

import app_fota
import fota
import log
import modem
import ujson
import uos
import utime
from misc import Power

NOTE = "/usr/ota_note.json"
PROGRESS_STEP = 10  # percent between two reports
PAUSE_S = 5  # before another attempt
DOWNLOAD_WAIT_S = 1800  # for a module that downloads in the background


class Refused(Exception):
    # The job cannot be done; the text is for the operator.
    pass


class Missed(Exception):
    # This attempt failed for a reason that may pass; the text is for the operator.
    pass


class Upgrade(object):
    def __init__(self, jobs, installed, attempts):
        self._jobs = jobs
        self._installed = installed
        self._attempts = attempts
        self._log = log.getLogger("upgrade")
        self._job_id = None
        self._told = 0
        self._outcome = None

    def carry_out(self, execution):
        # Ends with a report, or with a restart after which the job is offered again.
        self._job_id = execution["jobId"]
        try:
            task = execution["jobDocument"][0]
            operation, files = task["operation"], task["files"]
            if self._done(operation, files):
                self._close("SUCCEEDED", {"step": "installed", "progress": "100"})
                return
            tried = self._count_attempt()
            if operation == "FOTA":
                self._firmware(files)
            elif operation == "app_fota":
                self._app_files(files)
            else:
                raise Refused("unknown operation " + str(operation))
            self._restart()
        except Refused as reason:
            self._close("FAILED", {"reason": str(reason)})
        except Missed as reason:
            self._log.warning("%s: attempt %d: %s", self._job_id, tried, reason)
            if tried >= self._attempts:
                self._close("FAILED", {"reason": str(reason)})
            else:
                self._jobs.progress(self._job_id, "waiting to try again", 0)
                utime.sleep(PAUSE_S)
        except Exception as error:
            self._close("FAILED", {"reason": "unexpected: " + str(error)})

    def _done(self, operation, files):
        if operation == "FOTA":
            return files[0]["fileVersion"] == modem.getDevFwVersion()
        for item in files:
            if self._installed.get(item["fileName"]) != item["fileVersion"]:
                return False
        return True

    def _firmware(self, files):
        # One file is staged here; a pair (.mini_1, .mini_2) is fetched by the module itself after its restart.
        self._log.info("%s: firmware %s", self._job_id, files[0]["fileVersion"])
        self._told, self._outcome = 0, None
        self._jobs.progress(self._job_id, "downloading", 0)
        updater = fota(reset_disable=1)  # where the module heeds it, the last report gets out before the restart
        urls = [item["fileSource"]["url"] for item in files]
        if len(urls) == 2:
            if updater.httpDownload(url1=urls[0], url2=urls[1]) != 0:
                raise Refused("the module does not take this pair of files")
        elif updater.httpDownload(url1=urls[0], callback=self._downloaded) != 0:
            raise Missed("the firmware could not be downloaded or verified")
        else:
            self._wait_until_staged()  # some modules return before they have begun

    def _wait_until_staged(self):
        for _ in range(DOWNLOAD_WAIT_S):
            if self._outcome is not None:
                break
            utime.sleep(1)
        if self._outcome != 0:
            raise Missed("the firmware could not be downloaded or verified: " + str(self._outcome))

    def _downloaded(self, event):
        status, percent = event[0], event[1]
        if status != 1:
            self._outcome = 0 if status in (0, 2) else percent  # what failed stands in the place of percent
        elif percent >= self._told + PROGRESS_STEP:
            self._told = percent - percent % PROGRESS_STEP
            self._jobs.progress(self._job_id, "downloading", self._told)

    def _app_files(self, files):
        self._log.info("%s: %d files", self._job_id, len(files))
        self._jobs.progress(self._job_id, "downloading", 0)
        wanted = [{"url": item["fileSource"]["url"], "file_name": item["fileName"]} for item in files]
        updater = app_fota.new()
        missed = updater.bulk_download(wanted)
        if missed:
            raise Missed("not downloaded: " + ", ".join([item["file_name"] for item in missed]))
        updater.set_update_flag()

    def _restart(self):
        self._jobs.progress(self._job_id, "restarting", 100)
        utime.sleep(2)
        Power.powerRestart()

    def _close(self, status, details):
        self._log.info("%s: %s %s", self._job_id, status, details)
        self._jobs.report(self._job_id, status, details)
        try:
            uos.remove(NOTE)
        except OSError:
            pass

    def _count_attempt(self):
        note = {}
        try:
            with open(NOTE) as file:
                note = ujson.load(file)
        except Exception:
            pass  # no note yet, or one that a power cut tore
        tried = note.get("tried", 0) if note.get("job") == self._job_id else 0
        if tried >= self._attempts:
            raise Refused("given up after %d attempts" % tried)
        try:
            with open(NOTE, "w") as file:
                ujson.dump({"job": self._job_id, "tried": tried + 1}, file)
        except OSError as error:
            self._log.warning("attempts are not counted: %s", error)  # a full /usr must not stop an upgrade
        return tried + 1
