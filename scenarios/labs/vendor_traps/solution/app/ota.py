# An OTA application that says what happened: it counts its tries in flash, looks at what it gets, and always comes to an end.

import _thread
import app_fota
import checkNet
import ujson
import uos
import utime
from misc import Power
from umqtt import MQTTClient

SERVER = "example-ats.iot.us-west-2.amazonaws.com"
PREFIX = "$aws/things/THING/jobs/"
POLL_S = 20
TRIES = 2
NOTE = "/usr/tried.txt"


def installed():
    # The version of a.py; None when it is so broken that it has none.
    try:
        import usr.a as a

        return a.getversion()
    except Exception as error:
        print("a.py cannot be used:", error)
        return None


def tried(job_id):
    # How often this job has been tried, over all restarts.
    try:
        with open(NOTE) as file:
            job, number = file.read().split()
        return int(number) if job == job_id else 0
    except Exception:
        return 0


def note(job_id, number):
    with open(NOTE, "w") as file:
        file.write("%s %d" % (job_id, number))


class Ota(object):
    def __init__(self):
        self.app = installed()
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
        execution = ujson.loads(payload).get("execution")
        if execution and execution.get("jobDocument"):  # an answer may hold no job, and not every message is an answer
            self.upgrade(execution["jobId"], execution["jobDocument"][0]["files"])

    def upgrade(self, job_id, files):
        if files[0]["fileVersion"] == self.app:
            self.report(job_id, "SUCCEEDED")
            return
        number = tried(job_id)
        if number >= TRIES:
            self.report(job_id, "FAILED")
            return
        note(job_id, number + 1)
        self.report(job_id, "IN_PROGRESS")
        updater = app_fota.new()
        for item in files:
            if updater.download(item["fileSource"]["url"], item["fileName"]) != 0:
                self.report(job_id, "FAILED")
                return
        updater.set_update_flag()
        Power.powerRestart()


checkNet.waitNetworkReady(60)
Ota().run()
