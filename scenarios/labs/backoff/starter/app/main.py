# Stays connected. When the connection is gone it tries again, and waits in between as backoff.py says.

import checkNet
import utime
from umqtt import MQTTClient

import usr.backoff as backoff

CONNECTED = 0


def stay_connected():
    client = MQTTClient("node", "example-ats.iot.us-west-2.amazonaws.com", port=8883, keepalive=60, ssl=True, reconn=False)
    client.set_callback(print)
    client.connect()
    while client.wait_msg() is not None or client.get_mqttsta() == CONNECTED:
        pass


checkNet.waitNetworkReady(60)
tries = 0
while True:
    try:
        stay_connected()
        tries = 0  # that was a good connection; now it is gone
    except Exception as error:
        print("no connection:", error)
    tries += 1
    utime.sleep_ms(int(backoff.pause_s(tries) * 1000))
