# An electricity meter that must never stand still: a watchdog fed by a timer, pulses counted at a pin, the count kept over restarts,
# and a firmware upgrade for which the watchdog is stopped, because nothing may feed it meanwhile.

from machine import ExtInt, WDT
import checkNet
import fota
import log
import modem
import osTimer
import ql_fs
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("meter")

COUNT = "/usr/count.json"
WATCHDOG_S = 30
FEED_MS = 10000
DOWNLOAD_S = 600


class Meter(object):
    def __init__(self):
        self.count = (ql_fs.read_json(COUNT) or {"count": 0})["count"]
        self._kept = self.count
        self._pulses = ExtInt(ExtInt.GPIO3, ExtInt.IRQ_RISING, ExtInt.PULL_PD, self._pulse)
        self._pulses.enable()

    def _pulse(self, event):
        self.count += 1

    def keep(self):
        if self.count != self._kept:
            ql_fs.touch(COUNT, {"count": self.count})
            self._kept = self.count


class Watch(object):
    def __init__(self):
        self._dog = WDT(WATCHDOG_S)
        self._timer = osTimer()
        self._timer.start(FEED_MS, 1, self._feed)

    def _feed(self, _):
        self._dog.feed()

    def stop(self):
        self._timer.stop()
        self._dog.stop()


class Upgrade(object):
    def __init__(self, link, watch, meter):
        self._link, self._watch, self._meter = link, watch, meter
        self._outcome = None

    def run(self, job):
        item = job["jobDocument"]["files"][0]
        if item["fileVersion"] == modem.getDevFwVersion():
            self._link.report(job, "SUCCEEDED", count=str(self._meter.count))
            return
        self._link.report(job, "IN_PROGRESS", step="download")
        self._meter.keep()
        self._watch.stop()
        result = fota().httpDownload(url1=item["fileSource"]["url"], callback=self._hear)
        for _ in range(DOWNLOAD_S):
            if self._outcome is not None or result != 0:
                break
            utime.sleep(1)
        utime.sleep(10)  # the module restarts by itself
        self._link.report(job, "FAILED", code=str(self._outcome))

    def _hear(self, event):
        if event[0] != 1:
            self._outcome = event[1]


def main():
    meter = Meter()
    watch = Watch()
    logger.info("count %d", meter.count)
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("dut")
    link.connect()
    upgrade = Upgrade(link, watch, meter)
    while True:
        meter.keep()
        link.publish("meter/dut", {"count": meter.count})
        job = link.next_job()
        if job is not None:
            upgrade.run(job)
        utime.sleep(15)


main()
