"""What lives in the host, as the script sees it: modules, classes, functions and objects. Runs in MicroPython.

Each call and each attribute travels to the host. An object of the host is one object here, too, as long as it is among
those given last; one that was given before that is another, equal one.
"""

import builtins
import io
import sys

from baton import ask
from values import FORMS, Thing, packed_call, unpack

native_import = builtins.__import__
modules, classes, objects, recent = {}, {}, {}, []

KEPT = 256
"""Objects that are remembered: all of them would fill the heap of a script that opens files for days."""

ADOPTED = object()


class Host(Thing):
    """An object that lives in the host. One of a class that the script derived is made when its `__init__` says so."""

    def __new__(cls, *values, **words):
        if values and values[0] is ADOPTED:
            handle = values[1]
        elif classes.get(cls._class_) is cls:
            handle = ask("new", cls._class_, *packed_call(values, words))
        else:
            return object.__new__(cls)
        return objects[handle] if handle in objects else remembered(object.__new__(cls), handle)

    def __init__(self, *values, **words):
        if not hasattr(self, "_host_"):
            remembered(self, ask("new", self._class_, *packed_call(values, words)))

    def __getattr__(self, name):
        if name[0] == "_":
            raise AttributeError("'%s' object has no attribute '%s'" % (type(self).__name__, name))
        return ask("get", self._host_, name)

    def __eq__(self, other):
        return isinstance(other, Host) and self._host_ == other._host_

    def __hash__(self):
        return self._host_


def remembered(made, handle):
    made._host_ = handle
    objects[handle] = made
    recent.append(handle)
    if len(recent) > KEPT:
        objects.pop(recent.pop(0), None)
    return made


def host_function(handle):
    def function(*values, **words):
        return ask("call", handle, *packed_call(values, words))

    return function


def host_method(name):
    def method(self, *values, **words):
        if name in ("__exit__", "__aexit__"):
            values = (None, None, None)
        return ask("method", self._host_, name, *packed_call(values, words))

    return method


def host_class(handle):
    if handle not in classes:
        about = ask("describe", handle)
        members = {"_class_": handle}
        if about["base"]:
            bases = (getattr(builtins, about["base"]),)
        else:
            bases = (Host,)
            for name in about["methods"]:
                members[name] = host_method(name)
        for name, packed in about["members"]:
            value = unpack(packed)
            members[name] = staticmethod(value) if callable(value) and not isinstance(value, type) else value
        classes[handle] = type(about["name"], bases, members)
    return classes[handle]


def host_module(handle):
    if handle not in modules:
        about = ask("describe", handle)
        made = modules[handle] = new_module(about["name"])
        native = native_import(about["native"]) if about["native"] else None
        for name, value, may_be_native in about["members"]:
            is_native = native and may_be_native and hasattr(native, name)
            setattr(made, name, getattr(native, name) if is_native else unpack(value))
    return modules[handle]


class Empty:
    """A file system with one empty module, `made`: the only way to a new module object."""

    def mount(self, _readonly, _mkfs):
        pass

    def stat(self, path):
        if not path.endswith("/made.py"):
            raise OSError(2)
        return (0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def open(self, _path, _mode):
        return io.BytesIO(b"")


def new_module(name):
    made = native_import("made")
    del sys.modules["made"]
    del made.__file__
    made.__name__ = name
    return made


FORMS["module"] = lambda handle, _: host_module(handle)
FORMS["class"] = lambda handle, _: host_class(handle)
FORMS["function"] = lambda handle, _: host_function(handle)
FORMS["object"] = lambda handle, value: objects.get(handle) or host_class(value["of"])(ADOPTED, handle)
