# The cloud as these applications use it: one MQTT connection, the next job, and reports on it.
#
# The callback only notes what came. It must not raise: firmware of 2021 takes that for a network error.

from umqtt import MQTTClient
import _thread
import log
import ujson
import utime

SERVER = "example-ats.iot.us-west-2.amazonaws.com"

logger = log.getLogger("cloud")


class Cloud(object):
    def __init__(self, thing):
        self.thing = thing
        self.jobs = []
        self.messages = []
        self._topics = []
        self._prefix = "$aws/things/" + thing + "/jobs/"
        self._client = MQTTClient(
            thing,
            SERVER,
            port=8883,
            keepalive=60,
            ssl=True,
            ssl_params={"cert": "(content of certificate.pem.crt)", "key": "(content of private.pem.key)"},
        )
        self._client.set_callback(self._note)

    def connect(self, *topics):
        while True:
            try:
                self._client.connect()
                break
            except Exception as error:
                logger.error("no connection: %s", error)
                utime.sleep(10)
        self._client.subscribe(self._prefix + "notify-next")
        for topic in topics:
            self._client.subscribe(topic, qos=1)
        _thread.start_new_thread(self._receive, ())
        self.ask()

    def ask(self):
        self._client.publish(self._prefix + "$next/get", "{}")

    def publish(self, topic, message, qos=0):
        return self._client.publish(topic, ujson.dumps(message), qos=qos)

    def next_job(self):
        return self.jobs.pop(0) if self.jobs else None

    def report(self, job, status, **details):
        body = {"status": status, "statusDetails": details}
        self._client.publish(self._prefix + job["jobId"] + "/update", ujson.dumps(body))

    def _receive(self):
        while True:
            try:
                self._client.wait_msg()
            except Exception as error:
                logger.error("receiving failed: %s", error)
                utime.sleep(5)
            utime.sleep_ms(10)

    def _note(self, topic, payload):
        try:
            topic = topic.decode()
            message = ujson.loads(payload)
        except Exception as error:
            logger.error("unreadable: %s", error)
            return
        if not topic.startswith(self._prefix):
            self.messages.append((topic, message))
        elif message.get("execution") and (topic.endswith("notify-next") or topic.endswith("$next/get/accepted")):
            execution = message["execution"]
            if execution["jobId"] not in [job["jobId"] for job in self.jobs]:
                self.jobs.append(execution)
