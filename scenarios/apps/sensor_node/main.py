# Reads a meter on a serial line (Modbus) every ten seconds, and at once when somebody presses the button on GPIO 3.
# Keeps what it read, where it was and the state of its battery in /usr/readings.txt.

import utime
import quecgnss
from machine import ExtInt, UART
from misc import Power

QUESTION = b"\x01\x03\x00\x00\x00\x01\x84\x0a"

meter = UART(UART.UART2, 9600, 8, 0, 1, 0)
pressed = [False]


def on_button(args):
    pressed[0] = True


def read_meter():
    meter.write(QUESTION)
    utime.sleep_ms(200)
    answer = meter.read(64)
    if len(answer) < 7:
        return None
    return answer[3] * 256 + answer[4]


def place():
    for line in quecgnss.read(1024)[1].decode().split("\r\n"):
        fields = line.split(",")
        if fields[0] == "$GNRMC" and fields[2] == "A":
            return fields[3] + fields[4]
    return "nowhere"


def keep(why):
    with open("/usr/readings.txt", "a") as file:
        file.write("%s %s %s %d mV\n" % (why, read_meter(), place(), Power.getVbatt()))


button = ExtInt(3, ExtInt.IRQ_RISING, ExtInt.PULL_PD, on_button)
button.enable()
quecgnss.init()
due = utime.ticks_ms()
while True:
    if pressed[0]:
        pressed[0] = False
        keep("button")
    elif utime.ticks_diff(utime.ticks_ms(), due) >= 0:
        due = utime.ticks_add(due, 10000)
        keep("timer")
    utime.sleep_ms(100)
