# Gets what lies behind a web address, as far as it comes.

import app_fota
import uos

NAME = "/usr/fetched"
STAGED = "/usr/.updater" + NAME
NOTES = "/usr/.updater/download.stat"


def get(url):
    # The bytes that came; None when the server refused. It does not know how many there should have been.
    for path in (STAGED, NOTES):
        try:
            uos.remove(path)
        except OSError:
            pass  # nothing is left of an earlier time
    if app_fota.new().download(url, NAME) != 0:
        return None
    with open(STAGED, "rb") as file:
        return file.read()
