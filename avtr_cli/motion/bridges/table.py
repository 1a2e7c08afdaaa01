"""Which motion space can be spoken as which: every generator drives every renderer that a bridge leads to."""

from __future__ import annotations

from collections.abc import Callable

from avtr_cli.core.config import BodyConfig
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.motion_space import CONTROLS, FLAME, FULL, KEYPOINTS, MotionSpace
from avtr_cli.core.protocols import MotionGenerator
from avtr_cli.motion.body.generator import with_body
from avtr_cli.motion.bridges.controls_to_keypoints import retargeted
from avtr_cli.motion.bridges.flame import FlameBridge, FromFlame
from avtr_cli.motion.replay import Replay

BRIDGES: dict[tuple[MotionSpace, MotionSpace], Callable[[MotionGenerator, BodyConfig], MotionGenerator]] = {
    (CONTROLS, KEYPOINTS): lambda generator, _: retargeted(generator),
    (CONTROLS, FULL): with_body,
    (FULL, CONTROLS): lambda generator, _: head_of(generator),
}


def head_of(generator: MotionGenerator) -> MotionGenerator:
    """Motion of a whole body that is there already, as controls: its first 58 channels."""
    assert isinstance(generator, Replay)
    return generator.in_space(CONTROLS, generator.values[:, : len(CONTROLS)])


def bridged(
    generator: MotionGenerator,
    space: MotionSpace,
    flame: Callable[[], FlameBridge] | None = None,
    body: BodyConfig | None = None,
) -> MotionGenerator:
    """`generator` speaking `space`: itself where it does already. Raises ConfigError where no bridge leads there.

    FLAME is understood by `flame` alone, which is fitted to the user's own file; it may raise WeightsError. `body` is
    how a whole body gestures.
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
    return bridge(generator, body or BodyConfig())
