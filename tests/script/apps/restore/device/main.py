# Settings under the protection of backup_restore: the firmware checks them at every start and puts the kept copy back when
# they are damaged. What a job delivers is told to it, or it would be taken for damage.

import backup_restore
import app_fota
import checkNet
import log
import ql_fs
import ujson
import utime
from misc import Power

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("restore")

SETTINGS = "/usr/settings.json"
STARTS = "/usr/starts.json"
DAMAGED_AT = 3  # the start at which the bug strikes


def settings():
    with open(SETTINGS) as file:
        return ujson.load(file)


def update(link, job, running):
    item = job["jobDocument"]["files"][0]
    if item["fileVersion"] == running["version"]:
        kept = backup_restore.bak_file(SETTINGS)
        link.report(job, "SUCCEEDED", kept=str(kept))
        utime.sleep(2)
        Power.powerRestart()
    link.report(job, "IN_PROGRESS")
    updater = app_fota.new()
    if updater.download(item["fileSource"]["url"], item["fileName"]) != 0:
        link.report(job, "FAILED")
        return
    updater.set_update_flag()
    Power.powerRestart()


def main():
    starts = (ql_fs.read_json(STARTS) or {"starts": 0})["starts"] + 1
    ql_fs.touch(STARTS, {"starts": starts})
    running = settings()
    logger.info("start %d with version %s", starts, running["version"])
    if starts == DAMAGED_AT:
        with open(SETTINGS, "w") as file:
            file.write("{\"version\":")
        Power.powerRestart()
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    while True:
        job = link.next_job()
        if job is not None:
            update(link, job, running)
        utime.sleep(1)


main()
