# How long to wait before the next try to connect.


def pause_s(tries):
    # `tries`: how often it has failed in a row, from 1 on. Gives seconds.
    return 1
