# What a type checker sees of the names that __init__.py imports when they are used.

from mem1.config import Config as Config
from mem1.config import load as load
from mem1.envs.base import Environment as Environment
from mem1.envs.config import EnvConfig as EnvConfig
from mem1.errors import ConfigError as ConfigError
from mem1.errors import DataError as DataError
from mem1.errors import Mem1Error as Mem1Error
from mem1.inference.base import Engine as Engine
from mem1.memory.base import Memory as Memory
from mem1.memory.config import MemoryConfig as MemoryConfig
from mem1.recipe import Recipe as Recipe
from mem1.retrieval.base import Passage as Passage
from mem1.retrieval.base import Retriever as Retriever
from mem1.rewards.base import Scorer as Scorer
from mem1.rewards.config import ScorerConfig as ScorerConfig
from mem1.rollout.agent import Agent as Agent
from mem1.runtime.build import build as build
from mem1.runtime.play import context as context
from mem1.runtime.play import play as play
from mem1.runtime.tasks import held_out as held_out
from mem1.storage.episodes import read_episodes as read_episodes
from mem1.storage.run_dir import RunDir as RunDir
from mem1.tasks.source_config import SourceConfig as SourceConfig
from mem1.types import Answer as Answer
from mem1.types import Composition as Composition
from mem1.types import Episode as Episode
from mem1.types import Malformed as Malformed
from mem1.types import Objective as Objective
from mem1.types import Observation as Observation
from mem1.types import Score as Score
from mem1.types import Task as Task
from mem1.types import ToolCall as ToolCall
from mem1.types import ToolSpec as ToolSpec
from mem1.types import Turn as Turn
from mem1.types import text_tool as text_tool

__version__: str
__all__: list[str]
_PUBLIC: dict[str, str]
