# An OTA application as one writes it first: it works while everything goes well, and steps into every known trap.
#
# It believes each message to be a job, reads the version of a.py once, does its work inside the MQTT callback, counts
# no attempts, and never says FAILED. `aws_ota` beside it shows how to do better.

import _thread
import app_fota
import checkNet
import fota
import modem
import ujson
import utime
from misc import Power
from umqtt import MQTTClient

import usr.a as a

THING = "QuecPython_OTA"
SERVER = "example-ats.iot.us-west-2.amazonaws.com"
JOBS = ("jobfota", "jobappota")
PREFIX = "$aws/things/" + THING + "/jobs/"
POLL_S = 5

FIRMWARE = modem.getDevFwVersion()
APP = a.getversion()


class Ota(object):
    def __init__(self):
        self.client = MQTTClient(
            THING,
            SERVER,
            port=8883,
            keepalive=60,
            ssl=True,
            ssl_params={"cert": "(content of certificate.pem.crt)", "key": "(content of private.pem.key)"},
        )
        self.client.set_callback(self.on_message)
        self.job_id = None

    def connect(self):
        # A lasting session, so that no notification is lost while the device restarts.
        self.client.connect(clean_session=False)
        self.client.subscribe(PREFIX + "notify", qos=1)
        _thread.start_new_thread(self.receive, ())

    def receive(self):
        while True:
            self.client.wait_msg()

    def poll(self):
        while True:
            for job_id in JOBS:
                self.client.publish(PREFIX + job_id + "/get", "{}")
                utime.sleep(POLL_S)

    def report(self, status, progress):
        details = {"status": status, "statusDetails": {"progress": str(progress)}}
        self.client.publish(PREFIX + self.job_id + "/update", ujson.dumps(details))

    def on_message(self, topic, payload):
        execution = ujson.loads(payload)["execution"]
        if execution["status"] not in ("QUEUED", "IN_PROGRESS"):
            return
        self.job_id = execution["jobId"]
        task = execution["jobDocument"][0]
        if task["operation"] == "FOTA":
            self.firmware(task["files"][0])
        else:
            self.app(task["files"])

    def firmware(self, item):
        if item["fileVersion"] == FIRMWARE:
            self.report("SUCCEEDED", 100)
            return
        print("firmware", item["fileVersion"])
        self.report("IN_PROGRESS", 0)
        result = fota().httpDownload(url1=item["fileSource"]["url"], callback=self.on_progress)
        print("httpDownload", result)

    def on_progress(self, event):
        if event[0] == 1 and event[1] % 25 == 0:
            self.report("IN_PROGRESS", event[1])

    def app(self, files):
        if files[0]["fileVersion"] == APP:
            self.report("SUCCEEDED", 100)
            return
        print("application", files[0]["fileVersion"])
        self.report("IN_PROGRESS", 0)
        updater = app_fota.new()
        for item in files:
            updater.download(item["fileSource"]["url"], item["fileName"])
        updater.set_update_flag()
        Power.powerRestart()


checkNet.waitNetworkReady(60)
ota = Ota()
ota.connect()
ota.poll()
