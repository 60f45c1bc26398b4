# Brings files onto the device. Each item has a fileName, a fileSource with a url, and the sha256 of what it should be.

import ubinascii
import uhashlib

import usr.fetch as fetch

TRIES = 3


def digest(data):
    return ubinascii.hexlify(uhashlib.sha256(data).digest()).decode()


def whole(item):
    # What the item should be; None when it does not come as it should be.
    for _ in range(TRIES):
        data = fetch.get(item["fileSource"]["url"])
        if data is not None and digest(data) == item["sha256"]:
            return data
    return None


def install(files):
    # True when every file is in its place. Nothing is touched before all of them are here, and good.
    got = [(item["fileName"], whole(item)) for item in files]
    if None in [data for _, data in got]:
        return False
    for name, data in got:
        with open(name, "wb") as file:
            file.write(data)
    return True
