# A data transfer unit: asks a Modbus meter over RS-485 and passes its registers on. How often, a file says that jobs
# replace; a reading that did not come is left out.

from machine import UART
from misc import Power
import app_fota
import checkNet
import log
import ujson
import ustruct
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("dtu")

ANSWER_MS = 500


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return ustruct.pack("<H", crc)


class Meter(object):
    def __init__(self, address):
        self._uart = UART(UART.UART1, 9600, 8, 0, 1, 0)
        self._address = address

    def registers(self, first, count):
        # Holding registers, or None when the meter did not answer properly.
        request = ustruct.pack(">BBHH", self._address, 3, first, count)
        self._uart.write(request + crc16(request))
        answer = b""
        for _ in range(ANSWER_MS // 10):
            utime.sleep_ms(10)
            if self._uart.any():
                answer += self._uart.read(self._uart.any())
            if len(answer) == 5 + 2 * count:
                break
        if len(answer) != 5 + 2 * count or crc16(answer[:-2]) != answer[-2:] or answer[1] != 3:
            return None
        return list(ustruct.unpack(">%dH" % count, answer[3:-2]))


def settings():
    with open("/usr/dtu.json") as file:
        return ujson.load(file)


def update(link, job, running):
    files = job["jobDocument"]["files"]
    if files[0]["fileVersion"] == running["version"]:
        link.report(job, "SUCCEEDED", version=running["version"])
        return
    link.report(job, "IN_PROGRESS", step="download")
    wanted = [{"url": item["fileSource"]["url"], "file_name": item["fileName"]} for item in files]
    updater = app_fota.new()
    if updater.bulk_download(wanted):
        link.report(job, "FAILED", reason="download")
        return
    updater.set_update_flag()
    Power.powerRestart()


def main():
    checkNet.waitNetworkReady(60)
    running = settings()
    logger.info("settings %s", running["version"])
    link = cloud.Cloud("dut")
    link.connect()
    meter = Meter(running["address"])
    while True:
        values = meter.registers(0, 2)
        if values is None:
            logger.warning("no answer")
        else:
            link.publish("dtu/dut/up", {"energy": values[0] * 65536 + values[1], "version": running["version"]}, qos=1)
        job = link.next_job()
        if job is not None:
            update(link, job, running)
        utime.sleep(running["every_s"])


main()
