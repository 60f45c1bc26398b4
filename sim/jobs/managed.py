"""The managed job templates of AWS, by name, with the parameters their documents take.

The shape of the documents is that of the AWS IoT Device Client: steps, each with an action, its type and its input.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sim.jobs.messages import Json

MANAGED_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a job of the template has to give, or may give."""

    key: str
    description: str
    example: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ManagedTemplate:
    """`document` is JSON text with `${aws:iot:parameter:KEY}` for each parameter."""

    name: str
    description: str
    document: str
    parameters: tuple[Parameter, ...] = ()

    def parameter_members(self) -> list[dict[str, Json]]:
        """The parameters as DescribeManagedJobTemplate lists them."""
        return [
            {
                "key": it.key,
                "description": it.description,
                "regex": ".*",
                "example": it.example,
                "optional": it.optional,
            }
            for it in self.parameters
        ]


_PATH = Parameter("pathToHandler", "Folder of the handlers on the device", "/home/user/handlers", optional=True)
_USER = Parameter("runAsUser", "User on the device that runs the handler", "user1", optional=True)


def _value(key: str) -> str:
    return f"${{aws:iot:parameter:{key}}}"


def _handler(name: str, handler: str, args: list[str]) -> str:
    step = {
        "action": {
            "name": name,
            "type": "runHandler",
            "input": {"handler": handler, "args": args, "path": _value("pathToHandler")},
            "runAsUser": _value("runAsUser"),
        }
    }
    return json.dumps({"version": "1.0", "steps": [step]})


def _services(verb: str, handler: str) -> ManagedTemplate:
    return ManagedTemplate(
        f"AWS-{verb}-Application",
        f"{verb} services on the device",
        _handler(f"{verb}-Application", handler, [_value("services")]),
        (Parameter("services", "Names of the services, separated by spaces", "nginx redis"), _PATH, _USER),
    )


_COMMAND = {
    "action": {
        "name": "Run-Command",
        "type": "runCommand",
        "input": {"command": _value("command")},
        "runAsUser": _value("runAsUser"),
    }
}
_PACKAGES = Parameter("packages", "Names of the packages, separated by spaces", "nginx redis")

MANAGED = (
    ManagedTemplate("AWS-Reboot", "Restart the device", _handler("Reboot", "reboot.sh", [""]), (_PATH, _USER)),
    ManagedTemplate(
        "AWS-Download-File",
        "Fetch a file to the device",
        _handler("Download-File", "download-file.sh", [_value("downloadUrl"), _value("filePath")]),
        (
            Parameter("downloadUrl", "Where the file is", "http://www.example.com/index.html"),
            Parameter("filePath", "Where it is to go", "/path/to/file"),
            _PATH,
            _USER,
        ),
    ),
    ManagedTemplate(
        "AWS-Run-Command",
        "Run one command on the device",
        json.dumps({"version": "1.0", "steps": [_COMMAND]}),
        (Parameter("command", "The command and its arguments, separated by commas", "echo,Hello"), _USER),
    ),
    ManagedTemplate(
        "AWS-Install-Application",
        "Install packages on the device",
        _handler("Install-Application", "install-packages.sh", [_value("packages")]),
        (_PACKAGES, _PATH, _USER),
    ),
    ManagedTemplate(
        "AWS-Remove-Application",
        "Remove packages from the device",
        _handler("Remove-Application", "remove-packages.sh", [_value("packages")]),
        (_PACKAGES, _PATH, _USER),
    ),
    _services("Start", "start-services.sh"),
    _services("Stop", "stop-services.sh"),
    _services("Restart", "restart-services.sh"),
)
