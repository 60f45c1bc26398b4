# An application that was put on the device without its file a.py: it stops at the first line that does something.

import usr.a as a
from umqtt import MQTTClient

client = MQTTClient("QuecPython_OTA", "example-ats.iot.us-west-2.amazonaws.com", port=8883, keepalive=60, ssl=True)
client.set_callback(print)
client.connect()
client.publish("$aws/things/QuecPython_OTA/jobs/$next/get", '{"clientToken": "' + a.getversion() + '"}')
