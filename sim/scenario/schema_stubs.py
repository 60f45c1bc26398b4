"""What modules answer that are not emulated, as typed values: a plain value, or a mapping that says more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from sim.scenario.document import Place
from sim.scenario.references import Finding, mappings, unknown
from sim.scenario.values import ANYTHING, DurationUs, Spec
from sim.script.modules import FIRMWARE_MODULES
from sim.script.stubs import Answer, Call, Stubs, names_of
from sim.script.surface import INERT_MEMBERS, OTHER_MODULES, SURFACE


class CallSpec(Spec):
    """The program's callback is called `after` a time, `with` these arguments."""

    after_us: DurationUs = Field(alias="after")
    arguments: tuple[Any, ...] = Field(default=(), alias="with")


class AnswerSpec(Spec):
    """`returns` a value, or values `in_turn` of which the last stays; `takes` a time; `calls` back."""

    returns: Any = None
    in_turn: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    takes_us: DurationUs = Field(default=0, alias="takes")
    calls: tuple[CallSpec, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> AnswerSpec:
        if self.in_turn is not None and "returns" in self.model_fields_set:
            raise ValueError("give 'returns' or 'in_turn', not both")
        return self

    @property
    def answer(self) -> Answer:
        """For the script runtime."""
        calls = tuple(Call(call.after_us, call.arguments) for call in self.calls)
        return Answer(self.in_turn or (self.returns,), self.takes_us, calls)


def _in_short(data: Any) -> Any:
    return data if isinstance(data, dict | AnswerSpec) else {"returns": data}


StubsSpec = dict[str, dict[str, Annotated[AnswerSpec, BeforeValidator(_in_short), ANYTHING]]]
"""Module → name → answer."""


def stubs_of(spec: StubsSpec) -> Stubs:
    """For the script runtime."""
    return {module: {name: answer.answer for name, answer in names.items()} for module, names in spec.items()}


def stub_problems(fleet: Collection[tuple[Place, Any]]) -> Iterator[Finding]:
    """Stubs of modules and functions that the firmware does not have, or that are emulated."""
    for entry_place, entry in fleet:
        for place, names in mappings(entry, "stubs"):
            module = str(place[-1])
            where = (*entry_place, *place)
            if module in FIRMWARE_MODULES and module not in INERT_MEMBERS:
                yield where, f"{module} is emulated; stubs are for modules that are not", 0
                continue
            found = list(unknown(where, "module", module, sorted({*OTHER_MODULES, *INERT_MEMBERS})))
            yield from found
            if not found and SURFACE[module]:  # of a module that nobody lists, a scenario may name anything
                for name in names:
                    yield from unknown((*where, name), f"function of {module}:", name, names_of(module))
