# How long to wait before the next try to connect: ever longer, and each device another time.

import urandom

FIRST_S = 20
LONGEST_S = 120


def pause_s(tries):
    # Somewhere between nothing and 20, 40, 80, then 120 seconds.
    return urandom.uniform(0, min(LONGEST_S, FIRST_S * 2 ** min(tries - 1, 4)))
