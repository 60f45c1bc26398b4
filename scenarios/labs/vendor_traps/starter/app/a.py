# The application file that the jobs replace.


def getversion():
    return "1.0"
