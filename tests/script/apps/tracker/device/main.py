# A tracker that lives on a battery: it wakes up, finds out where it is, tells it, and sleeps until its alarm. What could
# not be told is kept in a file and told the next time.

from machine import RTC
from misc import Power
import checkNet
import log
import pm
import quecgnss
import ql_fs
import ujson
import uos
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("tracker")

BACKLOG = "/usr/backlog.json"
SLEEP_S = 120
FIX_S = 30


def degrees(text, half):
    # NMEA's ddmm.mmmm as degrees.
    point = text.index(".") - 2
    value = int(text[:point]) + float(text[point:]) / 60
    return round(-value if half in "SW" else value, 5)


def position(sentences):
    # Latitude and longitude of the last valid RMC sentence.
    for line in reversed(sentences.split("\r\n")):
        parts = line.split(",")
        if parts[0].endswith("RMC") and len(parts) > 6 and parts[2] == "A":
            return degrees(parts[3], parts[4]), degrees(parts[5], parts[6])
    return None


def fix():
    quecgnss.init()
    try:
        for _ in range(FIX_S):
            size, data = quecgnss.read(4096)
            found = position(data.decode())
            if found:
                return found
    finally:
        quecgnss.gnssEnable(0)
    return None


def backlog():
    return ql_fs.read_json(BACKLOG) or {"items": []}


def tell(items):
    stage, state = checkNet.waitNetworkReady(20)
    if (stage, state) != (3, 1):
        return False
    link = cloud.Cloud("dut")
    link.connect()
    for item in items:
        if link.publish("tracker/dut", item, qos=1) is False:  # None in the firmware of 2021, which does not say
            return False
    utime.sleep(1)
    return True


def sleep():
    clock = RTC()
    now = clock.datetime()  # year, month, day, weekday, hour, minute, second, microsecond: the zone does not matter
    due = utime.localtime(utime.mktime((now[0], now[1], now[2], now[4], now[5], now[6], 0, 0)) + SLEEP_S)
    clock.set_alarm([due[0], due[1], due[2], due[6], due[3], due[4], due[5], 0])
    if clock.enable_alarm(1) != 0:
        logger.error("no alarm")
        utime.sleep(SLEEP_S)
        Power.powerRestart()
    Power.powerDown()


def main():
    lock = pm.create_wakelock("report", 6)
    pm.autosleep(1)
    pm.wakelock_lock(lock)
    where = fix()
    items = backlog()["items"]
    items.append({"n": len(items), "lat": where[0], "lon": where[1]} if where else {"n": len(items), "lost": 1})
    if tell(items):
        logger.info("told %d", len(items))
        if ql_fs.path_exists(BACKLOG):
            uos.remove(BACKLOG)
    else:
        logger.warning("kept %d", len(items))
        ql_fs.touch(BACKLOG, {"items": items})
    pm.wakelock_unlock(lock)
    sleep()


main()
