# The device's side of AWS IoT Jobs over MQTT, in short: ask for the next job, and report on it.
#
# Messages arrive in a thread of their own and are only noted there. The client reconnects by itself.

import _thread
import ujson
import utime
from umqtt import MQTTClient

SERVER = "example-ats.iot.us-west-2.amazonaws.com"
PREFIX = "$aws/things/THING/jobs/"
ANSWER_WAIT_S = 20


class Jobs(object):
    def __init__(self):
        self._answers = {}
        self._client = MQTTClient("THING", SERVER, port=8883, keepalive=30, ssl=True)
        self._client.set_callback(self._note)

    def connect(self):
        while True:
            try:
                self._client.connect()
                break
            except Exception as error:
                print("no connection:", error)
                utime.sleep(10)
        _thread.start_new_thread(self._receive, ())

    def next(self):
        # The job execution that is to be done, with a web address made at this moment; None if there is none, or no answer.
        answer = self._ask("$next/get", {})
        execution = answer.get("execution") if answer else None
        return execution if execution and execution.get("jobDocument") else None

    def report(self, job_id, status, step):
        # True when the cloud took it.
        return self._ask(job_id + "/update", {"status": status, "statusDetails": {"step": step}}) is not None

    def _ask(self, topic, message):
        self._answers.pop(topic, None)
        self._client.publish(PREFIX + topic, ujson.dumps(message))
        for _ in range(ANSWER_WAIT_S * 10):
            if topic in self._answers:
                return self._answers.pop(topic)
            utime.sleep_ms(100)
        return None

    def _receive(self):
        while True:
            self._client.wait_msg()

    def _note(self, topic, payload):
        name = topic.decode()[len(PREFIX) :]
        if name.endswith("/accepted"):
            self._answers[name[: -len("/accepted")]] = ujson.loads(payload.decode())
        elif name.endswith("/rejected"):
            print("refused:", payload.decode())
            self._answers[name[: -len("/rejected")]] = None
