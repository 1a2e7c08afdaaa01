"""UniLS's published model from its interface facts: motion of a listener and speaker from both voices, 4 s at a time.

What an acceptance check of the networks needs is named here; `generator.py` puts them behind our two calls.
"""

from __future__ import annotations

from avtr_cli.motion.unils.codec import Codec
from avtr_cli.motion.unils.config import PUBLISHED, CodecConfig, NetworkConfig
from avtr_cli.motion.unils.network import UnilsNetwork
from avtr_cli.motion.unils.smoothing import smooth
from avtr_cli.motion.unils.speech import normalise, speech_state

__all__ = ["build", "normalise", "smooth", "speech_state"]


def build(name: str, config: CodecConfig | NetworkConfig | None = None) -> Codec | UnilsNetwork:
    """One of the PUBLISHED networks, or one of sizes of one's own, with weights that say nothing yet."""
    config = config or PUBLISHED[name]
    return (Codec(config) if isinstance(config, CodecConfig) else UnilsNetwork(config)).eval()
