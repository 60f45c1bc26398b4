"""What a sharded run has come to, from what each shard has: the same, in the same order, as in one process."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from sim.fleet.orders import Summary
from sim.scenario.faults import nobody_struck
from sim.scenario.runner import Outcome, never_happened
from sim.scenario.tally import Cost
from sim.scenario.views import HostView
from sim.scenario.world import World


def outcome_of(world: World, summaries: Sequence[Summary], ended: Sequence[Cost], losses: Sequence[str]) -> Outcome:
    """`ended`: executions in the order in which they ended, counted without what is known in shards only.

    `losses`: what is to be said of shards that were lost.
    """
    explained = {name: text for summary in summaries for name, text in summary.explanations.items()}
    return Outcome(
        costs=list(_costs(world, summaries, ended)),
        hosts=dict(_hosts(summaries)),
        problems=list(_problems(world, summaries)),
        notes=[*_notes(world, summaries), *losses],
        explanations=[explained[name] for name in _every(world) if name in explained],
    )


def files_wanted(expects: Sequence[str]) -> Iterator[str]:
    """Paths that expect lines read."""
    for line in expects:
        for node in ast.walk(ast.parse(line.replace("\n", " "), mode="eval")):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def _costs(world: World, summaries: Sequence[Summary], ended: Sequence[Cost]) -> Iterator[Cost]:
    """Counted where the flash is, in the order in which executions ended."""
    of: dict[str, deque[Cost]] = {}
    for cost in (cost for summary in summaries for cost in summary.costs):
        of.setdefault(cost.device, deque()).append(cost)
    for cost in ended:
        if cost.device not in world.lost:
            yield of[cost.device].popleft()


def _problems(world: World, summaries: Sequence[Summary]) -> Iterator[str]:
    yield from world.problems
    yield from (text for summary in summaries for text in summary.problems)
    if world.cut_short:
        return
    yield from _in_order(world, (entry for summary in summaries for entry in summary.missed_faults))
    for number, fault in enumerate(world.account.artifacts.faults):
        if not fault.done and not any(summary.artifact_faults[number] for summary in summaries):
            yield never_happened(fault)
    yield from _in_order(world, (entry for summary in summaries for entry in summary.missed_steps))


def _notes(world: World, summaries: Sequence[Summary]) -> Iterator[str]:
    yield from nobody_struck(world.scenario, world.ground.places, world.seed)
    said: dict[tuple[str, int], list[str]] = {}
    for line, text in (entry for summary in summaries for entry in summary.peer_notes):
        said.setdefault(line, []).append(text)
    for spec in world.scenario.peers:
        for name in world.scenario.things(spec.device):
            yield from said.pop((name, spec.port), ())


def _hosts(summaries: Sequence[Summary]) -> Iterator[tuple[str, HostView]]:
    """Each host as all shards together saw it; what it received last is what came last to any of them."""
    for name in summaries[0].hosts if summaries else ():
        ends = sorted((summary.hosts[name] for summary in summaries), key=lambda end: end.heard_us)
        views = [end.view for end in ends]
        view = HostView(
            connections=sum(view.connections for view in views),
            finished=sum(view.finished for view in views),
            unmet=sum(view.unmet for view in views),
            requests=sum(view.requests for view in views),
            received=views[-1].received,
        )
        yield name, view


def _in_order(world: World, found: Iterable[tuple[tuple[int, str], str]]) -> list[str]:
    """As in one process: by number in the scenario, then by device."""
    order = {name: number for number, name in enumerate(_every(world))}
    return [text for _, text in sorted(found, key=lambda entry: (entry[0][0], order[entry[0][1]]))]


def _every(world: World) -> Iterator[str]:
    return (name for entry in world.scenario.fleet for name in entry.devices())
