# Version 2.0, delivered by job "jobappota".


def getversion():
    return "2.0"
