"""Why the embedded broker is not amqtt as installed: each defect, shown on stock amqtt 0.12.1 and mended in ours.

When a later amqtt mends one, its test fails here and the mend may go. Below: we behave as mosquitto does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import broker_stories as stories
import pytest
from other_brokers import mosquitto, ours, ours_with_access_list, play, stock, stock_with_access_list


@pytest.mark.parametrize(
    ("story", "on_stock", "on_ours"),
    [
        (stories.a_reserved_topic, "neither served nor closed", "served"),
        (stories.a_silent_client, (False, False), (True, True)),
        (stories.unacked_before_a_reconnect, [], [(b"1", True)]),
        (stories.a_clean_session_taken_over, False, True),
        (stories.a_wrong_password_on_a_live_client_id, [], [b"1"]),
        (stories.a_newcomer_without_subscriptions, [b"on"], []),
        (stories.qos_0_to_a_subscription_at_1, [1], [0]),
        (stories.a_huge_packet, "delivered", "closed"),
        (stories.an_offline_queue, stories.OFFLINE, 1000),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_defect_of_stock_amqtt_that_ours_has_not(story: Any, on_stock: Any, on_ours: Any, tmp_path: Path) -> None:
    assert play(story, stock, tmp_path) == on_stock
    assert play(story, ours, tmp_path) == on_ours


def test_stock_amqtt_with_an_access_list_loses_acknowledged_messages_and_ours_none(tmp_path: Path) -> None:
    a_few = partial(stories.loss_while_others_subscribe, count=300)
    assert play(a_few, stock_with_access_list, tmp_path) > 0
    assert play(a_few, stock, tmp_path) == 0
    assert play(stories.loss_while_others_subscribe, ours_with_access_list, tmp_path) == 0


@pytest.mark.parametrize(
    ("story", "seen"),
    [
        (stories.a_silent_client_in_the_end, (True, True)),
        (stories.a_clean_session_taken_over, True),
        (stories.a_lasting_session_taken_over, True),
        (stories.a_wrong_password_on_a_live_client_id, [b"1"]),
        (stories.unacked_before_a_reconnect, [(b"1", True)]),
        (stories.qos_0_to_a_subscription_at_1, [0]),
        (stories.a_newcomer_without_subscriptions, []),
        (stories.overlapping_filters, 1),
        (stories.order_of_two_thousand, True),
        (stories.a_will_on_abort, True),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_ours_does_what_mosquitto_does(story: Callable[..., Any], seen: Any, tmp_path: Path) -> None:
    assert play(story, ours, tmp_path) == seen
    assert play(story, mosquitto, tmp_path) == seen
