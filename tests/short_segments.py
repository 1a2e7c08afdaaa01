"""The command line with segments of two seconds in place of a minute, in its workers too: `python short_segments.py`.

A worker runs the main file again before it begins (multiprocessing's spawn), so the change reaches it.
"""

from __future__ import annotations

from avtr_cli.jobs import production

production.SEGMENT_FRAMES = 50

if __name__ == "__main__":
    from avtr_cli.cli import main

    main()
