# Brings files onto the device. Each item has a fileName, a fileSource with a url, and the sha256 of what it should be.

import usr.fetch as fetch


def install(files):
    # True when every file is in its place.
    for item in files:
        data = fetch.get(item["fileSource"]["url"])
        if data is None:
            return False
        with open(item["fileName"], "wb") as file:
            file.write(data)
    return True
