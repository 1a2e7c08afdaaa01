"""avtr: offline batch renderer for talking *and listening* conversational avatars.

Importing the package is quick and loads neither torch nor MediaPipe (tests/test_architecture.py);
the rooms are imported where they are used. docs/architecture.md is the house plan.
"""

import logging

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent until somebody listens; see core/logs.py
