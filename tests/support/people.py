"""What people do in a world (`support.world`): they edit and rename calls, cancel, accept, and bring evidence.

A call has a name in the old files and one in the new: an occasion is both. Which files a run reads, old or new ones,
edited or not, is left to chance, as of machines that have not all pulled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.ledger.operators import Accept, Cancel, Rename, Resolve, UndoCancel
from flowops.model.call import Terms
from flowops.model.ledger import Leg, State
from flowops.plan.canonical import fingerprint as fingerprint_of
from support.operators import operate
from support.values import call

if TYPE_CHECKING:
    from flowops.model.call import Call
    from support.world import World

CALLEE = "+442079460001"
NEW = "new-"


def occasion(name: str) -> str:
    """The name that an occasion had first."""
    return name.removeprefix(NEW)


def names(first: str) -> tuple[str, str]:
    """Both names of an occasion."""
    return first, f"{NEW}{first}"


class People:
    """Those around one world. `moved` are the occasions that have another name in the new files."""

    def __init__(self, world: World) -> None:
        self._world = world
        some = world.random
        self.moved = frozenset(name for name in world.references if some.random() < 0.3)
        self._edited = frozenset(name for name in world.references if some.random() < 0.2)
        self._found = [name for name in world.references if some.random() < 0.15]

    def calls(self) -> list[Call]:
        """What the files say that a run reads; in peace all have pulled, and nothing is edited any more."""
        world = self._world
        new, edited = world.calm or world.chance(0.5), world.chance(0.2)
        return [self._call(name, new=new, edited=edited) for name in world.references]

    def _call(self, name: str, *, new: bool, edited: bool) -> Call:
        patient = "Bob" if edited and name in self._edited else "Ann"
        if not new or name not in self.moved:
            return call(name, CALLEE, patient=patient)
        return call(f"{NEW}{name}", CALLEE, patient=patient)._replace(terms=Terms(moved_from=name))

    def bring_evidence(self) -> None:
        """Tell of calls that the ledger does not know: it is an older copy, and their phones have rung."""
        world = self._world
        for name in self._found:
            legs = [Leg(CALLEE, f"id-{name}", code=10)]
            world.rang[name] += 1
            match world.random.choice(["callback", "record", "doubtful record"]):
                case "callback":
                    world.listener.called_back({name: legs})
                case "record":
                    world.listener.recorded({name: legs}, unknown=State.PLACED)
                case _:
                    world.listener.recorded({name: legs}, unknown=State.IN_DOUBT)
            world.tell("evidence", f"{name} was placed before this copy of the ledger")

    def meddle(self) -> None:
        """Do one thing to one call, or find out that it cannot be done."""
        world = self._world
        name = world.random.choice(world.references)
        match world.random.choice(["cancel", "undo", "accept", "rename"]):
            case "cancel":
                self._do("cancels", Cancel(lambda: world.references), name)
            case "undo":
                self._do("takes back", UndoCancel(), name)
            case "accept":
                edited = call(name, CALLEE, patient="Bob")
                self._do("accepts", Accept({name: fingerprint_of(edited.body)}), name)
            case _ if name in self.moved:
                self._do("renames", Rename({name: f"{NEW}{name}"}), name)

    def take_back(self) -> None:
        """Let nothing stay cancelled."""
        for name, entry in self._world.entries().items():
            if entry.state is State.CANCELLED:
                self._do("takes back", UndoCancel(), name)

    def resolve(self, name: str) -> None:
        """Take the vendor's word on one call."""
        placed = occasion(name) in self._world.rung()
        self._do(f"says {'' if placed else 'not '}placed of", Resolve(placed=placed), name)

    def _do(self, what: str, operation: Cancel | UndoCancel | Accept | Rename | Resolve, *references: str) -> None:
        if operate(self._world.listener, operation, *references).changed:
            self._world.tell("operator", f"{what} {', '.join(references)}")
