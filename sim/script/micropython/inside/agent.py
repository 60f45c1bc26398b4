"""The MicroPython side of `runtime: micropython`. Runs in that interpreter, never in qpyota's own Python.

It gives a script the device's modules, each call of which travels to the host, and does what the host asks for.
baton.py says whose turn it is, values.py what crosses, host.py what the host has.
"""

import _thread
import builtins
import os
import sys

import baton
import host
from baton import ask
from values import packed_call, refs, unpack

main_names = {"__name__": "__main__"}
compiled = builtins.compile


def run(path, source, name, into):
    names = {} if into is None else main_names if into == "main" else unpack(into).__dict__
    names["__name__"] = name
    names["__file__"] = path
    exec(compiled(source, path, "exec"), names)


def run_typed(path, source, shows):
    """What was typed at the prompt; the value of an expression is shown when it stands alone."""
    try:
        code = compiled(source, path, "single" if shows else "exec")
    except SyntaxError:  # more than one statement
        code = compiled(source, path, "exec")
    exec(code, main_names)


def invoke(number, values, words):
    function = refs[number][0]
    return function(*[unpack(value) for value in values], **{name: unpack(value) for name, value in words})


DEEDS = {
    "run": run,
    "typed": run_typed,
    "invoke": invoke,
    "module": host.new_module,
    "get": lambda number, name: getattr(refs[number][0], name),
    "set": lambda number, name, value: setattr(refs[number][0], name, unpack(value)),
    "text": lambda number: str(refs[number][0]),
}


# -- the script's builtins


def device_import(name, _globals=None, _locals=None, fromlist=None, level=0):
    return ask("import", name, list(fromlist or ()), level)


def device_print(*values, **words):
    return ask("builtin", "print", *packed_call([str(value) for value in values], words))


def device_display(value):
    if value is not None:
        builtins._ = value
        device_print(repr(value))


def device_builtin(name):
    return lambda *values, **words: ask("builtin", name, *packed_call(values, words))


def missing(name):
    """A builtin that MicroPython has and the device has not."""

    def absent(*_values, **_words):
        raise NameError("name '%s' isn't defined" % name)

    return absent


def main():
    baton.deeds.update(DEEDS)
    os.mount(host.Empty(), "/empty")
    sys.path[:] = ["/empty"]
    builtins.__import__ = device_import
    builtins.print = device_print
    builtins.open = device_builtin("open")
    builtins.__repl_print__ = device_display
    builtins.execfile = device_builtin("execfile")
    for name in ("compile", "help", "input"):
        setattr(builtins, name, missing(name))
    _thread.stack_size(baton.STACK_BYTES)
    baton.over.acquire()
    baton.hand_over(baton.receive())
    baton.over.acquire()


main()
