"""The words at the port between a device and the outside world."""

import pickle

from sim.ports import Hello


def test_what_leads_into_a_process_does_not_leave_it():
    hello = Hello("h", 8883, "dut", tls=True, keepalive_s=60, papers=lambda: ("certificate", "key"))
    far = pickle.loads(pickle.dumps(hello))
    assert (far, far.papers) == (hello, None)
    assert far.shown() == ("", "")
