"""What runs in verl's processes. verl comes first: it loads the plug-in, and that all of this.

So whichever module of this folder is imported, verl is never in the middle of importing another.
"""

import verl  # noqa: F401
