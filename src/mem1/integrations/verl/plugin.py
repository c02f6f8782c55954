"""What verl loads in every process of a run: the entry point ``mem1`` of the group ``verl.plugins``.

verl logs a plug-in that cannot be imported at DEBUG and goes on without it. In a run of ours that must not pass
unseen: the traceback is printed, and the process ends.
"""

from __future__ import annotations

import os
import sys
import traceback

from mem1.integrations.verl.config import OURS

try:
    import mem1.integrations.verl.inside.cpu.platform  # first: all others ask which platform there is
    import mem1.integrations.verl.inside.registered  # noqa: F401
except Exception:
    traceback.print_exc()
    if os.environ.get(OURS) == "1":
        print("mem1: the plug-in for verl cannot be imported here (above), and this run needs it", file=sys.stderr)
        raise SystemExit(1) from None  # verl catches Exception only
    raise
