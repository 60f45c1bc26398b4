# Updates itself from one archive: fetched whole, unpacked into the updater's folder, noted file by file, copied into place
# at the next start. An archive that does not unpack is reported, and nothing of it is installed.

from misc import Power
import app_fota
import app_fota_download
import checkNet
import log
import ql_fs
import request
import uhashlib
import ubinascii
import uos
import utime
import uzlib

import usr.cloud as cloud
import usr.version as version

log.basicConfig(level=log.INFO)
logger = log.getLogger("targz")

ARCHIVE = "/usr/update.tar.gz"
BLOCK = 512
GZIP_HEADER = 10


def fetch(url):
    answer = request.get(url)
    if answer.status_code != 200:
        raise ValueError("status %d" % answer.status_code)
    with open(ARCHIVE, "wb") as file:
        for piece in answer.content:
            file.write(piece.encode() if isinstance(piece, str) else piece)


def digest(path):
    found = uhashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(BLOCK)
            if not piece:
                return ubinascii.hexlify(found.digest()).decode()
            found.update(piece)


def updater_folder():
    # A function in newer firmware, a constant in older.
    get = getattr(app_fota_download, "get_updater_dir", None)
    return get() if get else app_fota_download.updater_dir


def members(file):
    # (name, size, stream) of the files in a tar.gz; the stream must be read to the end of the file each time.
    file.read(GZIP_HEADER)
    stream = uzlib.DecompIO(file, -15, 1)
    while True:
        header = stream.read(BLOCK)
        if len(header) < BLOCK or header[0] == 0:
            return
        name = header[:100].rstrip(b"\0").decode()
        size = int(header[124:135].rstrip(b"\0").decode(), 8)
        if header[156:157] in (b"0", b"\0"):
            yield name, size, stream
            stream.read(-size % BLOCK)


def write(target, size, stream):
    ql_fs.mkdirs(ql_fs.path_dirname(target))
    with open(target, "wb") as file:
        left = size
        while left:
            piece = stream.read(min(left, BLOCK))
            if not piece:
                raise ValueError("the archive is cut")
            file.write(piece)
            left -= len(piece)


def unpack(path):
    folder = updater_folder()
    names = []
    # Closed here, not in a generator that an error leaves alone: an open file cannot be removed.
    with open(path, "rb") as file:
        for name, size, stream in members(file):
            write(folder + "/usr/" + name, size, stream)
            names.append((name, size))
    return names


def install(job):
    item = job["jobDocument"]["files"][0]
    fetch(item["fileSource"]["url"])
    if digest(ARCHIVE) != item["sha256"]:
        raise ValueError("another archive than was asked for")
    updater = app_fota.new()
    for name, size in unpack(ARCHIVE):
        app_fota_download.update_download_stat("", "/usr/" + name, size)
    uos.remove(ARCHIVE)
    updater.set_update_flag()
    Power.powerRestart()


def main():
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    logger.info("version %s", version.VERSION)
    while True:
        job = link.next_job()
        if job is not None:
            if job["jobDocument"]["files"][0]["fileVersion"] == version.VERSION:
                link.report(job, "SUCCEEDED", version=version.VERSION)
            else:
                link.report(job, "IN_PROGRESS", step="install")
                try:
                    install(job)
                except Exception as error:
                    logger.error("not installed: %s", error)
                    link.report(job, "FAILED", reason=str(error))
                    utime.sleep(2)
                    link.ask()
        utime.sleep(1)


main()
