# An OTA application as one writes it first: it works while everything goes well.

import _thread
import app_fota
import checkNet
import ujson
import utime
from misc import Power
from umqtt import MQTTClient

import usr.a as a

SERVER = "example-ats.iot.us-west-2.amazonaws.com"
PREFIX = "$aws/things/THING/jobs/"
POLL_S = 20

APP = a.getversion()


class Ota(object):
    def __init__(self):
        self.client = MQTTClient("THING", SERVER, port=8883, keepalive=60, ssl=True)
        self.client.set_callback(self.on_message)

    def run(self):
        self.client.connect()
        _thread.start_new_thread(self.receive, ())
        while True:
            self.client.publish(PREFIX + "$next/get", "{}")
            utime.sleep(POLL_S)

    def receive(self):
        while True:
            self.client.wait_msg()

    def report(self, job_id, status):
        self.client.publish(PREFIX + job_id + "/update", ujson.dumps({"status": status}))

    def on_message(self, topic, payload):
        execution = ujson.loads(payload)["execution"]
        self.upgrade(execution["jobId"], execution["jobDocument"][0]["files"])

    def upgrade(self, job_id, files):
        if files[0]["fileVersion"] == APP:
            self.report(job_id, "SUCCEEDED")
            return
        self.report(job_id, "IN_PROGRESS")
        updater = app_fota.new()
        for item in files:
            updater.download(item["fileSource"]["url"], item["fileName"])
        updater.set_update_flag()
        Power.powerRestart()


checkNet.waitNetworkReady(60)
Ota().run()
