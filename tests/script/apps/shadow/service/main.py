# The keeper of the lamp's shadow, on a module of its own: versions, differences, and refusals. What is wanted comes from
# its serial port, one JSON object a line.

from machine import UART
import checkNet
import ujson
import utime

import usr.cloud as cloud

PREFIX = "shadow/lamp/"


class Shadow(object):
    def __init__(self, link):
        self._link = link
        self.version = 3
        self._desired = {"red": 0, "green": 0}
        self._reported = {}

    def want(self, wanted):
        self.version += 1
        self._desired.update(wanted)
        self._tell_difference()

    def update(self, message):
        if message["version"] != self.version:
            self._link.publish(PREFIX + "update/rejected", {"code": 409, "version": self.version}, qos=1)
            return
        self.version += 1
        self._reported.update(message["reported"])
        self._link.publish(PREFIX + "update/accepted", {"version": self.version}, qos=1)
        self._tell_difference()

    def _tell_difference(self):
        state = {}
        for name in self._desired:
            if self._reported.get(name) != self._desired[name] and name != "blue":
                state[name] = self._desired[name]
        if state:
            self._link.publish(PREFIX + "delta", {"version": self.version, "state": state}, qos=1)


def main():
    port = UART(UART.UART2, 115200, 8, 0, 1, 0)
    checkNet.waitNetworkReady(60)
    link = cloud.Cloud("keeper")
    link.connect(PREFIX + "update")
    shadow = Shadow(link)
    line = b""
    while True:
        if port.any():
            line += port.read(port.any())
        while b"\n" in line:
            first, line = line.split(b"\n", 1)
            shadow.want(ujson.loads(first))
        while link.messages:
            shadow.update(link.messages.pop(0)[1])
        utime.sleep_ms(200)


main()
