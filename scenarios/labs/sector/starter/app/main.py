# Keeps a reading every second, 300 of them, one line each: the number of the reading and the voltage in mV.

import utime
from misc import Power

READINGS = 300


def keep(line):
    with open("/usr/log.txt", "a") as file:
        file.write(line)


for number in range(READINGS):
    keep("%04d %04d\n" % (number, Power.getVbatt()))
    utime.sleep(1)
