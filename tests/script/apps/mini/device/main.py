# Upgrades a module that can only do it the minimal way: two files, fetched by a small system after a restart. The application hears
# nothing of it; what became of it shows in the version at the next start, and a note in /usr tells whether it was tried.

import checkNet
import fota
import log
import modem
import ql_fs
import uos
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("mini")

NOTE = "/usr/tried.json"


def upgrade(link, job):
    files = job["jobDocument"]["files"]
    tried = ql_fs.read_json(NOTE) or {}
    if files[0]["fileVersion"] == modem.getDevFwVersion():
        link.report(job, "SUCCEEDED")
    elif tried.get("job") == job["jobId"]:
        link.report(job, "FAILED", reason="still " + modem.getDevFwVersion())
    else:
        link.report(job, "IN_PROGRESS", step="requested")
        ql_fs.touch(NOTE, {"job": job["jobId"]})
        utime.sleep(1)
        urls = [item["fileSource"]["url"] for item in files]
        if fota().httpDownload(url1=urls[0], url2=urls[1]) != 0:
            link.report(job, "REJECTED", reason="the module does not take it")
        else:
            return
    if ql_fs.path_exists(NOTE):
        uos.remove(NOTE)


def main():
    checkNet.waitNetworkReady(60)
    logger.info("firmware %s", modem.getDevFwVersion())
    link = cloud.Cloud("dut")
    link.connect()
    while True:
        job = link.next_job()
        if job is not None:
            upgrade(link, job)
        utime.sleep(1)


main()
