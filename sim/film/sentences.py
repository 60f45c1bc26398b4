"""One sentence for each record of a trace: what happened, and why, for somebody who sees an upgrade for the first time.

Rules: plain words, one line, at most SAY_CHARS characters, a dot at the end. What a script or a file said is between
quotation marks and cut short. A kind that has no sentence is a gap that a test finds: there is no catch-all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from sim.film.spoken import acted, amount, quoted, shortened, stepped, topic_in, topic_out
from sim.units import format_duration, format_size

SAY_CHARS = 160
NAME_CHARS = 40

Data = dict[str, Any]
Sentence = Callable[[str, Data], str]


def say(kind: str, data: Data, name: str) -> str:
    """The sentence on a record; `name` is whose track it is on, without what marks a track of the cloud."""
    sentence = SENTENCES.get(kind) or SENTENCES[kind.partition(".")[0] + ".*"]
    text = " ".join(sentence(shortened(name, NAME_CHARS), data).split())
    if len(text) > SAY_CHARS:
        text = text[: SAY_CHARS - 2].rstrip(" ,.;:") + "…."
        if text.count("“") > text.count("”"):
            text = text[:-2].rstrip()[: SAY_CHARS - 3] + "…”."
    return text


# --- the cloud ----------------------------------------------------------------------------------------------


def _job(name: str, data: Data) -> str:
    job = name.removeprefix("job/")
    match data["new"]:
        case "IN_PROGRESS":
            return f"Job {job} begins: the cloud hands it out to its devices."
        case "SCHEDULED":
            return f"Job {job} is scheduled and waits for its time."
        case "COMPLETED":
            return f"Job {job} is complete: no device has anything left to do for it."
        case "CANCELED":
            return f"Job {job} is canceled: whoever has not begun will not get it any more."
        case "DELETION_IN_PROGRESS":
            return f"Job {job} is being deleted."
    return f"Job {job} is {_lower(data['new'])} now."


def _rollout(name: str, data: Data) -> str:
    job, pace = name.removeprefix("job/"), data["per_minute"]
    told, waiting = amount(data["notified"], "device"), data["waiting"]
    return f"Job {job} is rolled out at {pace} devices a minute: {told} told so far, {waiting} still to be."


_STATUS = {
    "IN_PROGRESS": "is at work on job {job}",
    "SUCCEEDED": "has succeeded with job {job}",
    "FAILED": "has failed with job {job}",
    "TIMED_OUT": "took too long over job {job}: the cloud's timer ended it",
    "REJECTED": "refused job {job}",
    "REMOVED": "is no longer a target of job {job}",
    "CANCELED": "need not do job {job} any more: it was canceled",
}


def _execution(name: str, data: Data) -> str:
    job, new, details = data["job"], data["new"], data["details"]
    if new == "QUEUED":
        again = "again, for another try" if data["old"] else "until the device asks for it"
        return f"The cloud has queued job {job} for {name}, {again}."
    text = _STATUS[new].format(job=job)
    told = ", ".join(f"{key} {value}" for key, value in details.items() if isinstance(value, str | int))
    return f"The cloud notes that {name} {text}{f', {quoted(told, 70)}' if told else ''}."


def _order_refused(name: str, data: Data) -> str:
    return f"The cloud refuses an order about {name.removeprefix('job/')}: {quoted(data['reason'], 90)}."


# --- power and starts ---------------------------------------------------------------------------------------


def _power_cut(name: str, data: Data) -> str:
    phase = data["phase"]
    lost = "all that was in RAM is lost, flash stays as it is"
    return f"{name} loses its power{_in_phase(phase)}: {lost}."


_RESETS = {
    "update staged": "so that the bootloader finds the staged package",
    "update applied": "to start the firmware that was just installed",
    "mini system": "to leave the minimal system",
    "powerRestart": "because its script called Power.powerRestart()",
    "setModemFun": "because its script switched the modem's functions with a restart",
    "RESET pin": "because somebody pulled its RESET pin",
    "watchdog": "because the watchdog was not fed in time",
}


def _reset(name: str, data: Data) -> str:
    why = _RESETS.get(data["reason"], f"({data['reason']})")
    return f"{name} restarts {why}; what was in RAM is lost."


def _boot(name: str, data: Data) -> str:
    return (
        f"{name} has booted firmware {shortened(data['version'], 40)} and starts its application, boot {data['boot']}."
    )


_PHASES = {
    "idle": "{name} is done with this part of the update.",
    "download": "{name} begins to download the package and writes it to flash as it comes.",
    "verify": "{name} checks the whole package, digest and signature, before it may change anything.",
    "apply": "{name} applies the package: the bootloader replaces the firmware block by block, with a journal.",
    "mini_download": "The minimal system of {name} downloads what it needs, without an application to help.",
    "stream": "{name} streams the new system straight over the old one: there is no room for both.",
    "app_download": "{name} downloads files of its application beside the old ones.",
    "app_copy": "{name} copies the new files over the old ones at this start.",
}


def _phase(name: str, data: Data) -> str:
    return _PHASES[data["phase"]].format(name=name)


def _in_phase(phase: str) -> str:
    words = {"download": "download", "verify": "verification", "apply": "applying of the update", "stream": "stream"}
    if phase in ("", "idle"):
        return ""
    return f" in the middle of the {words.get(phase, phase.replace('_', ' '))}"


_LOST = {
    "network": "its network has an outage",
    "bearer": "the operator drops the data connection",
    "coverage": "there is no coverage here",
}


def _link_lost(name: str, data: Data) -> str:
    why = _LOST.get(data.get("why", ""), "the signal is gone")
    return f"{name} has no network: {why}, and what is on its way is lost."


# --- update -------------------------------------------------------------------------------------------------


def _requested(name: str, data: Data) -> str:
    if "method" in data:
        return f"{name} has noted that its minimal system is to do the update at the next start."
    size = format_size(data["bytes"])
    return (
        f"{name} has {size} of package staged and verified; the next start installs {shortened(data['version'], 40)}."
    )


def _refused(name: str, data: Data) -> str:
    return f"{name} refuses the package, error {data['code']}: {quoted(data['reason'], 90)}."


def _fota_failed(name: str, data: Data) -> str:
    return f"The fota of {name} fails with error {data['code']}: {quoted(data['reason'], 90)}."


def _mini_retry(name: str, data: Data) -> str:
    after = format_duration(data["wait_s"] * 1_000_000)
    return f"The minimal system of {name} tries again in {after}: error {data['code']}, {quoted(data['reason'], 60)}."


def _http(name: str, data: Data) -> str:
    parts = urlsplit(data["url"])
    file = shortened(unquote(parts.path).rpartition("/")[2] or parts.netloc, 30)
    wanted = data["range"].removeprefix("bytes=")
    piece = f", bytes {wanted}," if wanted else ""
    if "failure" in data:
        why = {"timeout": "nothing came in time", "dns": "the name is unknown", "refused": "nobody listens there"}
        told = why.get(data["failure"], f"the connection ended ({data['failure']})")
        return f"{name} asks for {file}{piece} in vain: {told}."
    status, size = data["status"], format_size(data["bytes"])
    if status >= 400:
        return f"The server answers {name} with {status} for {file}{piece} and gives {size}."
    broken = f", then the connection breaks ({data['broken']})" if "broken" in data else ""
    return f"{name} gets {size} of {file}{piece} with status {status}{broken}."


# --- MQTT, script, surroundings -----------------------------------------------------------------------------


def _connack(name: str, data: Data) -> str:
    if data["code"] == 0:
        return f"The broker takes the connection of {name}."
    return f"The broker refuses the connection of {name} with code {data['code']}."


def _connect(name: str, data: Data) -> str:
    secret = "with TLS and its certificate" if data["tls"] else "without TLS"
    host, client = shortened(data["host"], 50), quoted(data["client"], 30)
    return f"{name} connects to {host}:{data['port']} {secret}, as client {client}."


def _traceback(name: str, data: Data) -> str:
    place = f" at {data['where'][-1]}" if data["where"] else ""
    text = f", {quoted(data['text'], 60)}" if data["text"] else ""
    return f"The script of {name} ends in {data['error']}{text}{place}: nobody caught it."


def _bench(name: str, data: Data) -> str:
    given = ", ".join(f"{key} {value}" for key, value in data.items() if key != "order" and value not in (None, False))
    return (
        f"Somebody at the workbench gives {name} the order {quoted(data['order'], 20)}{f' ({given})' if given else ''}."
    )


def _host(name: str, data: Data) -> str:
    told = ", ".join(f"{key} {value}" for key, value in data.items() if value not in (None, "", [], {}))
    host, _, device = name.partition("/")
    return f"Host {host} and {device or 'a device'} talk: {quoted(told, 80) if told else 'a connection opens'}."


def _tcp_gone(name: str, data: Data) -> str:
    return f"A TCP connection of {name} is gone: {data['reason']}."


def _lower(status: object) -> str:
    return str(status).lower().replace("_", " ")


SENTENCES: dict[str, Sentence] = {
    "job": _job,
    "job.rollout": _rollout,
    "execution": _execution,
    "order.refused": _order_refused,
    "power.on": lambda name, _: f"{name} gets power: the bootloader looks into flash for what to start.",
    "power.cut": _power_cut,
    "power.down": lambda name, _: f"{name} switches itself off, and stays off until it gets power or its alarm rings.",
    "reset": _reset,
    "soft_reset": lambda name, _: f"The interpreter of {name} starts again with an empty heap; the modem goes on.",
    "boot": _boot,
    "bricked": lambda name, d: f"{name} is bricked: {quoted(d['reason'], 80)}, and there is no way back.",
    "phase": _phase,
    "link.lost": _link_lost,
    "mini.boot": lambda name, d: f"{name} runs its minimal system, {d['version']}: a small firmware that only updates.",
    "mini.staged": lambda name, d: (
        f"The minimal system of {name} has staged {format_size(d['bytes'])} of its own successor."
    ),
    "mini.complete": lambda name, d: f"{name} has {d['version']} written in full, {format_size(d['bytes'])}.",
    "mini.retry": _mini_retry,
    "update.requested": _requested,
    "update.refused": _refused,
    "fota.failed": _fota_failed,
    "app.staged": lambda name, d: f"{name} has {d['file']} staged, {format_size(d['bytes'])}, beside the old file.",
    "app.copied": lambda name, d: f"{name} has {d['file']} replaced by the staged file, {format_size(d['bytes'])}.",
    "app.refused": lambda name, d: f"{name} cannot fetch {d['file']}: the answer is {d['status']}.",
    "app.failed": lambda name, d: f"{name} gives up on its files: {quoted(d['reason'], 80)}.",
    "backup.restored": lambda name, d: f"{name} restores {d['file']} from /bak, as its checksum was wrong.",
    "mount.failed": lambda name, d: (
        f"{name} cannot mount {d['point']}, error {d['errno']}: what is there is no file system."
    ),
    "boot.step_failed": lambda name, _: f"A step of the start of {name} fails, and the start goes on without it.",
    "boot.settings_failed": lambda name, d: (
        f"{name} cannot read its settings at the start: {quoted(str(d['error']), 60)}."
    ),
    "http": _http,
    "ftp": lambda name, d: f"{name} fetches {d['file']} by FTP from {d['host']}, {format_size(d['bytes'])}.",
    "mqtt.connect": _connect,
    "mqtt.connack": _connack,
    "mqtt.closed": lambda name, d: f"The MQTT connection of {name} is gone: {quoted(d['reason'], 60)}.",
    "mqtt.subscribe": lambda name, d: f"{name} subscribes to {shortened(d['filter'], 90)}.",
    "mqtt.out": lambda name, d: topic_out(name, d["topic"], d["payload"]),
    "mqtt.in": lambda name, d: topic_in(name, d["topic"], d["payload"]),
    "tcp.connect": lambda name, d: f"{name} opens a TCP connection to {shortened(str(d['to']), 50)}:{d['port']}.",
    "tcp.gone": _tcp_gone,
    "log": lambda name, d: f"The script of {name} logs {quoted(d['text'], 90)}.",
    "print": lambda name, d: f"The script of {name} prints {quoted(d['text'], 90)}.",
    "warning": lambda name, d: f"A word on the script of {name}: {quoted(d['text'], 90)}.",
    "traceback": _traceback,
    "exit": lambda name, d: f"The script of {name} leaves its thread {quoted(str(d['thread']), 30)} with sys.exit().",
    "hung": lambda name, d: (
        f"The script of {name} computes without end in thread {quoted(str(d['thread']), 30)}: it hangs."
    ),
    "console": lambda name, d: f"The console of {name} shows {quoted(d['text'], 90)}.",
    "console.in": lambda name, d: f"Somebody types {quoted(d['text'], 90)} at the console of {name}.",
    "psm": lambda name, d: f"{name} is to sleep between its contacts (PSM): {amount(len(d['setting']), 'value')} set.",
    "autosleep": lambda name, d: f"{name} {'may' if d['on'] else 'may not'} sleep whenever it has nothing to do.",
    "pwm": lambda name, d: f"{name} switches PWM {d['channel']} {'on' if d['on'] else 'off'}.",
    "pin": lambda name, d: (
        f"Pin {d['pin']} of {name} goes {'high' if d['level'] else 'low'}, driven by the {_by(d['by'])}."
    ),
    "uart.in": lambda name, d: (
        f"{amount(d['bytes'], 'byte')} come in on UART{d['port']} of {name}{_missed(d['lost'])}."
    ),
    "uart.out": lambda name, d: f"{name} sends {amount(d['bytes'], 'byte')} on UART{d['port']}.",
    "battery": lambda name, d: (
        f"The battery of {name} is {'empty' if d['empty'] else 'good again'}, at {d['millivolts']} mV."
    ),
    "sms.in": lambda name, d: f"{name} gets a short message from {quoted(d['number'], 25)}.",
    "sms.out": lambda name, d: f"{name} sends {quoted(d['text'], 60)} to {quoted(d['number'], 25)} by SMS.",
    "sms.lost": lambda name, d: f"The network gives up a short message from {quoted(d['number'], 25)} to {name}.",
    "peer": lambda name, d: f"The partner on UART{d['port']} of {name} answers, as exchange {d['exchange']} says.",
    "peer.unmatched": lambda name, d: (
        f"The partner on UART{d['port']} of {name} does not expect {quoted(d['text'], 60)}."
    ),
    "inert": lambda name, d: f"The script of {name} calls {d['name']}, which does nothing here.",
    "stub": lambda name, d: f"The script of {name} calls {d['name']}, which the scenario answers.",
    "stub.callback": lambda name, d: f"The scenario calls the script of {name} back for {d['module']}.",
    "shard.lost": lambda name, d: (
        f"The process that ran {name} is lost, and with it {amount(len(d['executions']), 'execution')} of the device."
    ),
    "step": lambda name, d: f"As the scenario has it, {stepped(name, d['what'], d['to'])}.",
    "fault": lambda name, d: f"The scenario strikes {name}: {acted(d['what'], d)}.",
    "injected": lambda name, d: f"From here on it is another story for {name}: {acted(d['what'], d)}.",
    "bench": _bench,
    "host.*": _host,
}
"""Kind of record → its sentence; `host.*` stands for all that hosts tell."""


def _by(who: str) -> str:
    return "script" if who == "program" else who


def _missed(lost: int) -> str:
    return f", and {lost} are lost: nobody read them" if lost else ""
