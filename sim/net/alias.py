"""One name in the script, another on the network: a fleet runs one script whose thing name is fixed.

The name is translated where a packet leaves or reaches a device: the client id when it is the alias, and every
level of a topic or filter that is. Payloads, certificates and HTTP pass as they are. The script does not see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sim.ports import Arrival, Hello, HttpArrival, HttpRequest, HttpResponse, Message, MqttChannel, Network


class AliasNetwork:
    """`network` as devices see it whose script calls itself `alias`; outside, each goes by its own name."""

    def __init__(self, network: Network, alias: str) -> None:
        self._network = network
        self._alias = alias
        self.streams = network.streams

    def mqtt(self, device: str, hello: Hello, receive: Callable[[Arrival], None]) -> MqttChannel:
        """As the network's own; the outcome arrives as Connack or Closed."""
        alias = self._alias
        will = hello.will and replace(hello.will, topic=_renamed(hello.will.topic, alias, device))
        client_id = device if hello.client_id == alias else hello.client_id

        def receive_renamed(arrival: Arrival) -> None:
            if isinstance(arrival, Message):
                topic = _renamed(arrival.topic, device, alias)
                arrival = Message(topic, arrival.payload, arrival.qos, arrival.packet_id)
            receive(arrival)

        channel = self._network.mqtt(device, replace(hello, client_id=client_id, will=will), receive_renamed)
        return _AliasChannel(channel, alias, device)

    def foresee(self, device: str, request: HttpRequest, at_us: int) -> HttpResponse | None:
        """As the network's own."""
        return self._network.foresee(device, request, at_us)

    def http(self, device: str, request: HttpRequest, receive: Callable[[HttpArrival], None]) -> None:
        """As the network's own."""
        self._network.http(device, request, receive)


class _AliasChannel:
    __slots__ = ("_alias", "_device", "abort", "ack", "channel", "disconnect", "heard", "ping", "rest", "vanish")

    def __init__(self, channel: MqttChannel, alias: str, device: str) -> None:
        self.channel = channel
        self._alias = alias
        self._device = device
        self.ack, self.ping, self.rest, self.heard = channel.ack, channel.ping, channel.rest, channel.heard
        self.disconnect, self.abort, self.vanish = channel.disconnect, channel.abort, channel.vanish

    def subscribe(self, packet_id: int, topic_filter: str, qos: int) -> None:
        self.channel.subscribe(packet_id, _renamed(topic_filter, self._alias, self._device), qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0) -> None:
        self.channel.publish(_renamed(topic, self._alias, self._device), payload, qos, retain, packet_id)


def _renamed(topic: str, old: str, new: str) -> str:
    """The topic with each level that is `old` made `new`."""
    if old not in topic:
        return topic
    return "/".join([new if level == old else level for level in topic.split("/")])
