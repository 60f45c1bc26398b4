# A lamp with a shadow: what it should be is kept by somebody else, who tells the difference; what it is, it reports. A
# report that is based on an old version is refused and made again.

from machine import Pin
import checkNet
import log
import ujson
import utime

import usr.cloud as cloud

log.basicConfig(level=log.INFO)
logger = log.getLogger("shadow")

PREFIX = "shadow/lamp/"
PINS = {"red": Pin.GPIO1, "green": Pin.GPIO2}


class Lamp(object):
    def __init__(self):
        self._pins = {}
        for name in PINS:
            self._pins[name] = Pin(PINS[name], Pin.OUT, Pin.PULL_DISABLE, 0)
        self.state = {"red": 0, "green": 0}

    def apply(self, wanted):
        for name in sorted(wanted):
            if name in self._pins:
                self._pins[name].write(wanted[name])
                self.state[name] = wanted[name]
            else:
                logger.warning("no lamp %s", name)


def main():
    checkNet.waitNetworkReady(60)
    lamp = Lamp()
    version = 0
    link = cloud.Cloud("dut")
    link.connect(PREFIX + "delta", PREFIX + "update/accepted", PREFIX + "update/rejected")
    link.publish(PREFIX + "update", {"reported": lamp.state, "version": version}, qos=1)
    while True:
        while link.messages:
            topic, message = link.messages.pop(0)
            if topic.endswith("delta"):
                version = message["version"]
                lamp.apply(message["state"])
                link.publish(PREFIX + "update", {"reported": lamp.state, "version": version}, qos=1)
            elif topic.endswith("accepted"):
                version = message["version"]
                logger.info("version %d %s", version, ujson.dumps([lamp.state["red"], lamp.state["green"]]))
            else:
                logger.warning("refused, the version is %d", message["version"])
                version = message["version"]
                link.publish(PREFIX + "update", {"reported": lamp.state, "version": version}, qos=1)
        utime.sleep_ms(200)


main()
