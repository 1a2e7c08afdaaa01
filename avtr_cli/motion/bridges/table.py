"""Which motion space can be spoken as which: every generator drives every renderer that a bridge leads to."""

from __future__ import annotations

from collections.abc import Callable

from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS, FLAME, KEYPOINTS, MotionSpace
from avtr_cli.core.protocols import MotionGenerator
from avtr_cli.motion.bridges.controls_to_keypoints import retargeted
from avtr_cli.motion.bridges.flame import FlameBridge, FromFlame

BRIDGES: dict[tuple[MotionSpace, MotionSpace], Callable[[MotionGenerator], MotionGenerator]] = {
    (CONTROLS, KEYPOINTS): retargeted,
}


def bridged(
    generator: MotionGenerator, space: MotionSpace, flame: Callable[[], FlameBridge] | None = None
) -> MotionGenerator:
    """`generator` speaking `space`: itself where it does already. Raises ConfigError where no bridge leads there.

    FLAME is understood by `flame` alone, which is fitted to the user's own file; it may raise WeightsError.
    """
    if generator.space == FLAME != space and flame is not None:
        generator = FromFlame(generator, flame())
    if generator.space == space:
        return generator
    bridge = BRIDGES.get((generator.space, space))
    if bridge is None:
        raise ConfigError(
            f"this motion model speaks '{generator.space.name}' and this renderer draws '{space.name}': "
            "choose another motion.generator or render.renderer"
        )
    return bridge(generator)
