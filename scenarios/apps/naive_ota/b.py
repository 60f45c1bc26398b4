# One of the two application files that job "jobappota" replaces.


def getversion():
    return "1.0"
