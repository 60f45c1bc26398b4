# Settings that survive whatever happens: written to a second file first, then renamed, with a check sum; the one number that
# must never be lost is in SecureData where the module has it. The power may go at any moment.

import checkNet
import log
import ql_fs
import ubinascii
import ujson
import uhashlib
import uos
import utime

import usr.cloud as cloud

try:
    import SecureData
except ImportError:
    SecureData = None

log.basicConfig(level=log.INFO)
logger = log.getLogger("settings")

CURRENT, NEXT = "/usr/settings.json", "/usr/settings.new"
FACTORY = {"count": 0, "text": ""}
SLOT = 1


def seal(values):
    text = ujson.dumps(values)
    return ujson.dumps({"values": text, "sum": ubinascii.hexlify(uhashlib.sha256(text.encode()).digest()).decode()})


def unseal(path):
    # The values of a file, or None when there is none, or no whole one.
    try:
        with open(path) as file:
            found = ujson.load(file)
        text = found["values"]
        if ubinascii.hexlify(uhashlib.sha256(text.encode()).digest()).decode() == found["sum"]:
            return ujson.loads(text)
        logger.error("%s is damaged", path)
    except (OSError, ValueError, KeyError):
        pass
    return None


def load():
    for path in (NEXT, CURRENT):
        values = unseal(path)
        if values is not None:
            return values
    return dict(FACTORY)


def save(values):
    with open(NEXT, "w") as file:
        file.write(seal(values))
    uos.rename(NEXT, CURRENT)


def secure_read():
    if SecureData is None:
        return None
    room = bytearray(8)
    return int(room[:8].decode()) if SecureData.Read(SLOT, room, 8) == 8 else None


def secure_write(number):
    if SecureData is not None:
        SecureData.Store(SLOT, "%08d" % number, 8)


def main():
    values = load()
    logger.info("start %d", values["count"])
    known = secure_read()
    if known is not None and known != values["count"] and known != values["count"] + 1:
        logger.error("lost: %d, but %d was sealed", values["count"], known)
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    while True:
        values["count"] += 1
        values["text"] = "x" * (values["count"] % 700)
        secure_write(values["count"])
        save(values)
        link.publish("settings/dut", {"count": values["count"]})
        utime.sleep_ms(500)


main()
