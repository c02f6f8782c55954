"""The records that flow through the program, from task to report. No torch here.

Every record is frozen and refuses unknown fields. Lengths that belong together are checked
once, at construction; everything that can be derived is a property.
"""

from mem1.types.actions import Action, Answer, Click, Malformed, Observation, Open, Recall, Search
from mem1.types.episodes import Episode, EpisodeError, EpisodeGroup, StopReason
from mem1.types.generation import Completion, FinishReason, Usage
from mem1.types.record import Record
from mem1.types.scores import Score
from mem1.types.tasks import Composition, Objective, Task
from mem1.types.turns import SideCall, Turn

__all__ = [
    "Action",
    "Answer",
    "Click",
    "Completion",
    "Composition",
    "Episode",
    "EpisodeError",
    "EpisodeGroup",
    "FinishReason",
    "Malformed",
    "Objective",
    "Observation",
    "Open",
    "Recall",
    "Record",
    "Score",
    "Search",
    "SideCall",
    "StopReason",
    "Task",
    "Turn",
    "Usage",
]
