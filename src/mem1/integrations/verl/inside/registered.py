"""Everything of ours that verl finds by name, but the platform: engines, rollout, agent loop and trainer.

Imported for what it registers. ``import a.b.c`` and not ``from``: verl loads the plug-in while one of these modules may
be the one that imports verl.
"""

from __future__ import annotations

import mem1.integrations.verl.inside.agent_loop
import mem1.integrations.verl.inside.cpu.engine
import mem1.integrations.verl.inside.cpu.replica
import mem1.integrations.verl.inside.trainer  # noqa: F401
