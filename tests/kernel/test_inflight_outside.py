"""The ledger of bytes on their way does not wait for a server that is in no socket of this process."""

from sim.kernel.inflight import UNMATCHED_GRACE_S, InFlight


def test_a_connection_said_to_lead_outside_is_not_waited_for_from_the_start():
    ledger, end = InFlight(), object()
    ledger.attach(end, "there", 0.0)
    assert ledger.busy(UNMATCHED_GRACE_S / 2)
    ledger.leads_outside("there")
    assert not ledger.busy(UNMATCHED_GRACE_S / 2)
    ledger.sent(end, 100)
    assert not ledger.busy(UNMATCHED_GRACE_S / 2)


def test_a_connection_with_both_ends_here_counts_whatever_is_said():
    ledger, near, far = InFlight(), object(), object()
    ledger.attach(near, "here", 0.0)
    ledger.attach(far, "here", 0.0)
    ledger.leads_outside("here")
    ledger.sent(near, 100)
    assert ledger.busy(0.0)


def test_an_unknown_connection_is_none_of_its_business():
    InFlight().leads_outside("nowhere")
