"""The baton: one thread at a time runs script code and reads from the host. Runs in MicroPython.

A message for another thread goes into its mail, and the baton with it. Host → here `[thread, released, word, …]`, back
`[thread, word, …]`; each is JSON behind eight digits that give its length in bytes. `bridge.py` has the host's half.
"""

import _thread
import json
import sys

import micropython
from values import change, let_go, pack, refs, unpack

STACK_BYTES = 262144
BEYOND_BYTES = STACK_BYTES - 7600
"""Above the limit of such a stack, which is 8 KiB below its size, and short of its end."""

read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
baton = {"holder": 0}
locks, mail = {}, {}
forgotten = []
over = _thread.allocate_lock()
deeds = {}
"""What the host asks for: word → what does it. Filled by agent.py."""


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
        answer = [me, "done", pack(deeds[message[0]](*message[1:]))]
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
