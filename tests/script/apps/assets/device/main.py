# Fetches what an announcement box needs: a module, a table, and sounds. Every file has its digest in the job, because the
# updater takes whatever came before the connection ended for the whole file.

from misc import Power
import app_fota
import app_fota_download
import checkNet
import log
import ql_fs
import ubinascii
import uhashlib
import uos
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("assets")

TRIES = 4


def digest(path):
    found = uhashlib.sha256()
    with open(path, "rb") as file:
        piece = file.read(512)
        while piece:
            found.update(piece)
            piece = file.read(512)
    return ubinascii.hexlify(found.digest()).decode()


def has(path, wanted):
    return ql_fs.path_exists(path) and digest(path) == wanted


def updater_folder():
    get = getattr(app_fota_download, "get_updater_dir", None)
    return get() if get else app_fota_download.updater_dir


def stage(item):
    # True once the staged file is the wanted one; what is not is thrown away, or the next try would go on from its end.
    updater = app_fota.new()
    staged = updater_folder() + item["fileName"]
    for attempt in range(TRIES):
        try:
            updater.download(item["fileSource"]["url"], item["fileName"])
        except Exception as error:
            logger.warning("%s: %s", item["fileName"], error)
        if has(staged, item["sha256"]):
            return True
        logger.warning("%s is not whole", item["fileName"])
        app_fota_download.delete_update_file(item["fileName"])
        if ql_fs.path_exists(staged):
            uos.remove(staged)
        utime.sleep(5)
    return False


def update(link, job):
    files = job["jobDocument"]["files"]
    missing = [item for item in files if not has(item["fileName"], item["sha256"])]
    if not missing:
        link.report(job, "SUCCEEDED", files=str(len(files)))
        return
    link.report(job, "IN_PROGRESS", missing=str(len(missing)))
    for item in missing:
        if not stage(item):
            link.report(job, "FAILED", file=item["fileName"])
            return
    app_fota.new().set_update_flag()
    Power.powerRestart()


def main():
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    while True:
        job = link.next_job()
        if job is not None:
            update(link, job)
        utime.sleep(1)


main()
