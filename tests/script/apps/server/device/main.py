# A device that is asked: it listens on a port, one thread for each guest, and understands a few words. A guest that says
# too much or nothing at all loses its connection; the others do not notice.

import _thread
import checkNet
import dataCall
import log
import modem
import usocket
import utime

log.basicConfig(level=log.INFO)
logger = log.getLogger("server")

PORT = 8080
LINE_MAX = 64
PATIENCE_S = 20


class Guest(object):
    def __init__(self, connection, state):
        self._connection = connection
        self._state = state

    def serve(self):
        self._connection.settimeout(PATIENCE_S)
        try:
            while True:
                line = self._line()
                if not line:
                    break
                answer = self._answer(line.split())
                self._connection.send(answer + b"\n")
                if answer == b"bye":
                    break
        except Exception as error:
            logger.warning("guest lost: %s", error)
        self._connection.close()

    def _line(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = self._connection.recv(1)
            if not byte:
                return b""
            line += byte
            if len(line) > LINE_MAX:
                raise ValueError("too long a line")
        return line[:-1]

    def _answer(self, words):
        if words == [b"version"]:
            return modem.getDevFwVersion().encode()
        if len(words) == 2 and words[0] == b"set":
            self._state["value"] = words[1]
            return b"ok"
        if words == [b"get"]:
            return self._state["value"]
        if words == [b"quit"]:
            return b"bye"
        return b"what?"


def main():
    checkNet.waitNetworkReady(60)
    address = dataCall.getInfo(1, 0)[2][2]
    listener = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_TCP_SER)
    listener.bind((address, PORT))
    listener.listen(3)
    logger.info("listening")
    state = {"value": b"nothing"}
    while True:
        connection = listener.accept()[0]
        _thread.start_new_thread(Guest(connection, state).serve, ())


main()
