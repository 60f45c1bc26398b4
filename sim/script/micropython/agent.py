"""The MicroPython side of `runtime: micropython`. Runs in that interpreter, never in qpyota's own Python.

It gives a script the device's modules, each call of which travels to the host, and does what the host asks for. The
baton: one thread at a time runs script code and reads from the host; a message for another thread goes into its mail,
and the baton with it. `bridge.py` has the host's half of every form. Host → here `[thread, released, word, …]`, back
`[thread, word, …]`; each is JSON behind eight digits that give its length in bytes.
"""

import _thread
import binascii
import builtins
import io
import json
import os
import sys

import micropython

STACK_BYTES = 262144
BEYOND_BYTES = STACK_BYTES - 7600
"""Above the limit of such a stack, which is 8 KiB below its size, and short of its end."""

native_import = builtins.__import__
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
baton = {"holder": 0}
locks, mail = {}, {}
forgotten = []
refs, numbers, counter = {}, {}, [0]
modules, classes = {}, {}
main_names = {"__name__": "__main__"}
over = _thread.allocate_lock()

ERRORS = (
    KeyError, IndexError, LookupError, ZeroDivisionError, OverflowError, ArithmeticError, UnicodeError, ValueError,
    NotImplementedError, RuntimeError, IndentationError, SyntaxError, AssertionError, AttributeError, EOFError,
    ImportError, MemoryError, NameError, OSError, StopAsyncIteration, StopIteration, TypeError, Exception, SystemExit,
    KeyboardInterrupt, GeneratorExit, BaseException,
)  # fmt: skip
"""Each before its bases: the first that fits is what the host makes of an error."""


# -- the baton


def send(message):
    while forgotten:  # only now: the last message may have spoken of them
        let_go(*forgotten.pop())
    body = json.dumps(message).encode()
    write(b"%08d" % len(body) + body)


def receive():
    """Put one message into somebody's mail; whose it is."""
    head = read(8)
    if not head:  # the host is gone
        over.release()
        _thread.exit()
    message = json.loads(read(int(head)))
    forgotten.extend(message[1])
    mail[message[0]] = message[2:]
    return message[0]


def park(me):
    """The next message for thread `me`."""
    mine = locks[me]
    while me not in mail:
        other = receive()
        if other != me:
            hand_over(other)
            mine.acquire()
    baton["holder"] = me
    return mail.pop(me)


def hand_over(other):
    if other in locks:
        locks[other].release()
    else:
        locks[other] = _thread.allocate_lock()
        _thread.start_new_thread(serve, (other,))


def serve(me):
    """A thread of the script, from its first message to its last."""
    if unlimited():
        _thread.start_new_thread(serve, (me,))
        return
    locks[me].acquire()
    while True:
        message = park(me)
        if message[0] == "end":
            break
        obey(me, message)
    del locks[me]
    hand_over(receive())


def unlimited():
    """Whether this thread would run over the end of its stack: the interpreter sets the limit in the thread that starts
    another, and the other may have read it before."""
    try:
        return goes_beyond()
    except RuntimeError:
        return False


def goes_beyond():
    return micropython.stack_use() > BEYOND_BYTES or goes_beyond()


def obey(me, message):
    try:
        answer = [me, "done", pack(DEEDS[message[0]](*message[1:]))]
    except BaseException as error:
        answer = [me, "failed", pack(error)]
    send(answer)


def ask(word, *what):
    """Have the host do something; meanwhile it may ask for something itself."""
    me = baton["holder"]
    send([me, word] + list(what))
    while True:
        message = park(me)
        if message[0] == "return":
            for number, content in message[2]:
                change(refs[number][0], unpack(content))
            return unpack(message[1])
        if message[0] == "raise":
            raise unpack(message[1])
        obey(me, message)


# -- values


def change(kept, content):
    """The host has changed a list, dict or buffer that it was given."""
    if isinstance(kept, dict):
        kept.clear()
        kept.update(content)
    else:
        kept[:] = content


def keep(value):
    """The number under which the host knows an object of the script; it says when it has forgotten it."""
    number = numbers.get(id(value))
    if number is None:
        counter[0] += 1
        number = numbers[id(value)] = counter[0]
        refs[number] = [value, 0]
    refs[number][1] += 1
    return number


def let_go(number, uses):
    kept = refs[number]
    kept[1] -= uses
    if not kept[1]:
        del refs[number]
        del numbers[id(kept[0])]


def pack(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else {"f": str(value)}
    if isinstance(value, bytes):
        return {"b": text_of(value)}
    if isinstance(value, (bytearray, memoryview)):
        return {"B": text_of(value), "r": keep(value)}
    if isinstance(value, list):
        return {"l": [pack(item) for item in value], "r": keep(value)}
    if isinstance(value, tuple):
        return {"t": [pack(item) for item in value]}
    if isinstance(value, dict):
        return {"d": [[pack(key), pack(value[key])] for key in value], "r": keep(value)}
    if isinstance(value, (set, frozenset)):
        return {"s": [pack(item) for item in value]}
    if isinstance(value, Host):
        return {"h": value._host_}
    if isinstance(value, BaseException):
        return packed_error(value)
    if isinstance(value, type) and hasattr(value, "_class_"):
        return {"h": value._class_}
    return {"r": keep(value), "c": callable(value)}


def packed_error(error):
    printed = io.StringIO()
    sys.print_exception(error, printed)
    base = next(kind for kind in ERRORS if isinstance(error, kind))
    return {
        "x": type(error).__name__,
        "base": getattr(error, "_class_", base.__name__),
        "args": [pack(item) for item in error.args],
        "text": str(error),
        "printed": printed.getvalue(),
        "r": keep(error),
    }


def text_of(data):
    return binascii.b2a_base64(data, newline=False).decode()


def packed_call(values, words):
    return [pack(value) for value in values], [[name, pack(words[name])] for name in words]


def unpack(value):
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if isinstance(value, dict):
        for form in value:
            if form in FORMS:
                return FORMS[form](value[form], value)
    return value


def unpacked_error(args, value):
    kind = value["base"]
    kind = getattr(builtins, kind) if isinstance(kind, str) else host_class(kind)
    return kind(*[unpack(item) for item in args])


FORMS = {
    "f": lambda text, _: float(text),
    "b": lambda text, _: binascii.a2b_base64(text),
    "B": lambda text, _: bytearray(binascii.a2b_base64(text)),
    "t": lambda items, _: tuple([unpack(item) for item in items]),
    "s": lambda items, _: {unpack(item) for item in items},
    "d": lambda items, _: {unpack(key): unpack(item) for key, item in items},
    "r": lambda number, _: refs[number][0],
    "args": unpacked_error,
    "module": lambda handle, _: host_module(handle),
    "class": lambda handle, _: host_class(handle),
    "function": lambda handle, _: host_function(handle),
    "object": lambda handle, value: host_class(value["of"])(ADOPTED, handle),
}


# -- what the host has


ADOPTED = object()


class Host:
    """An object that lives in the host."""

    def __init__(self, *values, **words):
        if values and values[0] is ADOPTED:
            self._host_ = values[1]
        else:
            self._host_ = ask("new", self._class_, *packed_call(values, words))

    def __getattr__(self, name):
        if name[0] == "_":
            raise AttributeError("'%s' object has no attribute '%s'" % (type(self).__name__, name))
        return ask("get", self._host_, name)

    def __eq__(self, other):
        return isinstance(other, Host) and self._host_ == other._host_

    def __hash__(self):
        return self._host_


def host_function(handle):
    def function(*values, **words):
        return ask("call", handle, *packed_call(values, words))

    return function


def host_method(name):
    def method(self, *values, **words):
        if name == "__exit__":
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


# -- what the host asks for


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


def run(path, source, name, into):
    names = {} if into is None else main_names if into == "main" else unpack(into).__dict__
    names["__name__"] = name
    names["__file__"] = path
    exec(compile(source, path, "exec"), names)


def run_typed(path, source, shows):
    """What was typed at the prompt; the value of an expression is shown when it stands alone."""
    try:
        code = compile(source, path, "single" if shows else "exec")
    except SyntaxError:  # more than one statement
        code = compile(source, path, "exec")
    exec(code, main_names)


def invoke(number, values, words):
    function = refs[number][0]
    return function(*[unpack(value) for value in values], **{name: unpack(value) for name, value in words})


DEEDS = {
    "run": run,
    "typed": run_typed,
    "invoke": invoke,
    "module": new_module,
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


def main():
    os.mount(Empty(), "/empty")
    sys.path[:] = ["/empty"]
    builtins.__import__ = device_import
    builtins.print = device_print
    builtins.open = device_builtin("open")
    builtins.__repl_print__ = device_display
    builtins.execfile = device_builtin("execfile")
    _thread.stack_size(STACK_BYTES)
    over.acquire()
    hand_over(receive())
    over.acquire()


main()
