# The device's side of AWS IoT Jobs over MQTT: what was offered, and what became of it.
#
# Messages arrive in a thread of their own and are only noted there; whoever works on a job may block.
# Answers to requests reach this connection without a subscription, so only the notification is subscribed.

from umqtt import MQTTClient
import _thread
import log
import ujson
import utime

ANSWER_WAIT_S = 10
REPORT_TRIES = 3
LONGEST_PAUSE_S = 60


class Jobs(object):
    def __init__(self, settings):
        self._log = log.getLogger("jobs")
        self._prefix = "$aws/things/" + settings.THING + "/jobs/"
        self._lock = _thread.allocate_lock()
        self._offer = None
        self._changed = False
        self._answers = {}
        self._client = MQTTClient(
            settings.THING,
            settings.SERVER,
            port=settings.PORT,
            keepalive=settings.KEEPALIVE_S,
            ssl=True,
            ssl_params={"cert": settings.CERTIFICATE, "key": settings.PRIVATE_KEY},
        )
        self._client.set_callback(self._note)

    def connect(self):
        # Tries until it works, ever more slowly.
        pause_s = 5
        while True:
            try:
                self._client.connect()
                self._client.subscribe(self._prefix + "notify")
                break
            except Exception as error:
                self._log.error("no connection: %s; again in %d s", error, pause_s)
                utime.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._log.info("connected")
        _thread.start_new_thread(self._receive, ())

    def ask(self):
        # Asks for the next job; the answer is found by offered() some time later.
        self._changed = False
        self._publish("$next/get", {})

    def changed(self):
        # True once the list of jobs has changed since ask().
        return self._changed

    def offered(self):
        # The job execution that arrived last, given once; None if there is none.
        execution, self._offer = self._offer, None
        return execution

    def progress(self, job_id, step, percent):
        # Tells how far a job is; nobody waits for the answer.
        details = {"step": step, "progress": str(percent)}
        self._publish(job_id + "/update", {"status": "IN_PROGRESS", "statusDetails": details})

    def report(self, job_id, status, details):
        # Tells what became of a job. True if the cloud took it, False if it refused or stayed silent.
        topic = job_id + "/update"
        for _ in range(REPORT_TRIES):
            self._answers.pop(topic, None)
            self._publish(topic, {"status": status, "statusDetails": details})
            for _ in range(ANSWER_WAIT_S * 10):
                if topic in self._answers:
                    return self._answers.pop(topic)
                utime.sleep_ms(100)
            self._log.warning("no answer to %s", topic)
        return False

    def _publish(self, topic, message):
        self._lock.acquire()
        try:
            self._client.publish(self._prefix + topic, ujson.dumps(message))
        finally:
            self._lock.release()

    def _receive(self):
        while True:
            try:
                self._client.wait_msg()
            except Exception as error:
                self._log.error("receiving failed: %s", error)
                utime.sleep(5)
            utime.sleep_ms(20)  # a closed connection makes wait_msg return at once

    def _note(self, topic, payload):
        # Runs in the receiving thread, so it must neither block nor raise.
        try:
            name = topic.decode()[len(self._prefix) :]
            message = ujson.loads(payload.decode())
        except Exception as error:
            self._log.error("unreadable message: %s", error)
            return
        if name == "notify":
            self._changed = bool(message.get("jobs"))
        elif name.endswith("/update/accepted"):
            self._answers[name[: -len("/accepted")]] = True
        elif name.endswith("/update/rejected"):
            self._log.warning("refused: %s %s", message.get("code"), message.get("message"))
            self._answers[name[: -len("/rejected")]] = False
        elif name.endswith("/rejected"):
            self._log.warning("refused: %s %s", message.get("code"), message.get("message"))
        elif "execution" in message:
            self._offer = message["execution"]
