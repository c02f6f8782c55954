"""The records that flow through the program, from task to report. No torch here.

Every record is frozen and refuses unknown fields. Lengths that belong together are checked
once, at construction; everything that can be derived is a property.
"""

from mem1.types.actions import Action, Answer, Malformed, Observation, ToolCall, calls, tool_call
from mem1.types.episodes import Episode, EpisodeError, EpisodeGroup, StopReason
from mem1.types.generation import Completion, FinishReason, Usage
from mem1.types.record import Record
from mem1.types.scores import Score
from mem1.types.tasks import Composition, Objective, Task
from mem1.types.tools import ToolSpec, text_tool
from mem1.types.turns import SideCall, Turn

__all__ = [
    "Action",
    "Answer",
    "Completion",
    "Composition",
    "Episode",
    "EpisodeError",
    "EpisodeGroup",
    "FinishReason",
    "Malformed",
    "Objective",
    "Observation",
    "Record",
    "Score",
    "SideCall",
    "StopReason",
    "Task",
    "ToolCall",
    "ToolSpec",
    "Turn",
    "Usage",
    "calls",
    "text_tool",
    "tool_call",
]
