"""A process that died is named, and what to do about it."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorDiedError

from mem1.errors import BackendError
from mem1.integrations.verl.inside.gone import training, which

# As Ray 2.60 writes it, shortened.
TOLD = """The actor died unexpectedly before finishing this task.
\tclass_name: create_colocated_worker_cls.<locals>.WorkerDict
\tactor_id: 0919b8092c7914885afa29a901000000
\tpid: 9088
\tname: ULXZm2WorkerDict_0:1
\tnamespace: 5aa2ce23-6257-41b0-bd6f-8c345e66104b
\tip: 192.0.2.2
The actor is dead because its worker process has died."""


class DiedError(ActorDiedError):
    def __str__(self) -> str:
        return TOLD


def test_a_rank_that_died_is_named_by_number_process_and_node() -> None:
    with pytest.raises(BackendError) as error, training():
        raise DiedError()
    assert error.value.what == "a training process of verl is gone: rank 1 process 9088 on 192.0.2.2"
    assert "--resume" in str(error.value)


def test_a_death_that_names_nobody_is_told_by_its_first_line() -> None:
    assert which(ActorDiedError()) == "The actor died unexpectedly before finishing this task."


def test_a_process_that_failed_tells_its_error() -> None:
    with pytest.raises(BackendError, match="a training process of verl failed: ValueError: no such weight"), training():
        raise ValueError("no such weight")
