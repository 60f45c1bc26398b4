# Brings its own firmware package: fetched with request into a file, and then given to fota piece by piece. verify does not restart the module; the application does, when it is ready.

from misc import Power
import checkNet
import fota
import log
import modem
import ql_fs
import request
import uos
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("local")

PACKAGE = "/usr/firmware.pack"
PIECE = 4096


def fetch(url):
    answer = request.get(url)
    if answer.status_code != 200:
        raise ValueError("status %d" % answer.status_code)
    with open(PACKAGE, "wb") as file:
        for piece in answer.content:
            file.write(piece.encode() if isinstance(piece, str) else piece)


def stage():
    size = ql_fs.path_getsize(PACKAGE)
    updater = fota()
    with open(PACKAGE, "rb") as file:
        while True:
            piece = file.read(PIECE)
            if not piece:
                break
            if updater.write(piece, size) != 0:
                raise ValueError("the module does not take it")
    if updater.flush() != 0 or updater.verify() != 0:
        raise ValueError("the package is not good")


def install(url):
    # Older firmware of some modules cannot be given a package; there fota fetches it, and restarts the module.
    if hasattr(fota, "write"):
        fetch(url)
        logger.info("fetched %d", ql_fs.path_getsize(PACKAGE))
        stage()
    elif fota(reset_disable=1).httpDownload(url1=url) != 0:
        raise ValueError("the package is not good")


def upgrade(link, job):
    item = job["jobDocument"]["files"][0]
    if item["fileVersion"] == modem.getDevFwVersion():
        link.report(job, "SUCCEEDED")
        return
    link.report(job, "IN_PROGRESS", step="fetch")
    try:
        install(item["fileSource"]["url"])
    except Exception as error:
        logger.error("refused: %s", error)
        link.report(job, "FAILED", reason=str(error))
        return
    finally:
        if ql_fs.path_exists(PACKAGE):
            uos.remove(PACKAGE)
    link.report(job, "IN_PROGRESS", step="restart")
    utime.sleep(2)
    Power.powerRestart()


def main():
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    while True:
        job = link.next_job()
        if job is not None:
            upgrade(link, job)
        utime.sleep(1)


main()
