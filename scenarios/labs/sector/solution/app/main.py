# Keeps a reading every second, 300 of them; writes them in batches of 20 seconds.

import utime
from misc import Power

READINGS = 300
BATCH = 20


def keep(lines):
    with open("/usr/log.txt", "a") as file:
        file.write("".join(lines))


waiting = []
for number in range(READINGS):
    waiting.append("%04d %04d\n" % (number, Power.getVbatt()))
    if len(waiting) == BATCH:
        keep(waiting)
        waiting = []
    utime.sleep(1)
keep(waiting)
