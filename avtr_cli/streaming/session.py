"""One avatar on one call: audio goes in as it arrives, frames come out once they can.

This is the real-time path. A file is rendered by feeding it here (jobs/production.py); there is no second path, so
a rendered file and a live call cannot differ. Nor is there one for several sessions on one device: `in_step` makes a
chunk of each in one forward where the models can, and one session alone is the case of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load, save

from avtr_cli.core.arrays import Frames, Sound
from avtr_cli.core.camera import FRONT, Camera, MovingCamera, check_front
from avtr_cli.core.clocks import ChunkClock, timed
from avtr_cli.core.errors import AudioError, AvtrError, ConfigError
from avtr_cli.core.files import replacing
from avtr_cli.core.interaction import Interaction, check_place
from avtr_cli.core.protocols import JointGenerator, JointRenderer, MotionGenerator, Renderer
from avtr_cli.core.regions import RegionMap
from avtr_cli.core.timing import CHUNK_FRAMES, frames_of
from avtr_cli.core.types import Asked, Chunk, Cue, Frame, Identity, Motion, MotionState, Window
from avtr_cli.streaming.asked import as_tensor, check_known, from_tensor
from avtr_cli.streaming.seen import Seen
from avtr_cli.streaming.windows import Windows


class MadeAhead(NamedTuple):
    """A chunk's motion, made before its pictures are asked for; the state after it, and how long it took."""

    motion: Motion
    after: MotionState
    clock: ChunkClock


class StreamingSession:
    """Joins a motion generator and a renderer over one call; the only place that knows both.

    Cutting the audio differently changes no frame (tests/test_session.py). One thread at a time uses a session; other
    threads may have sessions of the same identity, model and renderer.
    Raises ConfigError when the renderer does not draw the space that the generator speaks.
    """

    def __init__(
        self,
        identity: Identity,
        motion: MotionGenerator,
        renderer: Renderer,
        seed: int = 0,
        clock: ChunkClock | None = None,
        camera: Camera | MovingCamera = FRONT,
        regions: Callable[[], RegionMap] | None = None,
    ):
        """`regions` gives the photo's regions where `interact` is to be called; it is asked once, then."""
        if motion.space != renderer.space:
            raise ConfigError(
                f"this motion model speaks '{motion.space.name}' and this renderer draws '{renderer.space.name}': "
                "choose another motion.generator or render.renderer"
            )
        if not renderer.free_camera:
            check_front(camera, "chosen")
        self._identity, self._motion, self._renderer, self._camera = identity, motion, renderer, camera
        self._asked: Asked = ()  # and not yet done, by frame
        self._windows = Windows()
        self._state: MotionState = motion.start(identity, seed)
        self._owed: int | None = None  # frames in all, once the call is over
        self._ahead: tuple[MadeAhead, dict[str, torch.Tensor]] | None = None  # and what it remembered after it
        self._border: dict[str, torch.Tensor] | None = None  # after the last chunk drawn, where motion is ahead of it
        self._regions, self._seen = regions, Seen(identity, renderer)
        self.clock = clock or ChunkClock()

    @property
    def joint(self) -> bool:
        """Whether `in_step` draws this session with others of the same renderer in one forward."""
        return isinstance(self._renderer, JointRenderer)

    @property
    def heard(self) -> int:
        """How many samples a side it has heard."""
        return self._windows.heard

    def ask(self, asked: Iterable[Cue | Interaction]) -> None:
        """Do these too, or feel them, each at its frame; what comes too late for its frame is done in the next chunk.

        Raises ConfigError for a cue that the motion model cannot do, and for interactions where it answers none.
        """
        asked = tuple(asked)
        check_known(self._motion, asked)
        self._asked = tuple(sorted((*self._asked, *asked), key=lambda one: one.frame))

    def interact(
        self, x: float, y: float, do: str, strength: float = 1.0, seen: int | None = None, tone: str = ""
    ) -> Interaction:  # fmt: skip
        """Somebody does `do` (avtr interactions) to what frame `seen` shows at (`x`, `y`), in shares of the frame.

        `seen` is the last frame handed out where it is not said; clicks on one of the last 50 are understood. It is
        felt in the next chunk. What is returned has that frame and the place on the photo: given to `ask` of another
        session with the same sound, or written down (prompts.interactions.as_yaml), it gives the same frames.
        Raises ConfigError for what cannot be, and where the session was made without `regions`.
        """
        if self._regions is None:
            raise ConfigError("this session does not know where the person is: make it by Engine.session to touch them")
        check_place(x, y)
        place = self._seen.place_on_photo(x, y, seen)
        made = self._regions().touched(self._windows.index * CHUNK_FRAMES, do, *place, tone, strength)
        self.ask([made])
        return made

    def _due(self, window: Window) -> Asked:
        """What is asked of the chunk that `window` is of; from now on it is done."""
        first = window.index * CHUNK_FRAMES
        due = tuple(one for one in self._asked if one.frame < first + CHUNK_FRAMES)
        self._asked = self._asked[len(due) :]
        return tuple(replace(one, frame=max(one.frame, first)) for one in due)

    def push(self, samples: Sound) -> list[Frame]:
        """Hear `samples`, float32 (2, n) in [-1, 1] at 16 kHz, rows (avatar, partner), any n.

        Returns the frames this completes, oldest first: 5 once 6480 samples are in (405 ms), then 5 per
        3200. Raises AudioError on another shape or dtype.
        """
        return _copied_frames(self.stream(samples))

    def finish(self) -> list[Frame]:
        """The call is over: the frames still owed, ceil(samples / 640) in all."""
        return _copied_frames(self.stream_tail())

    def stream(self, samples: Sound) -> Iterator[Chunk]:
        """As `push`, a chunk at a time; the frames of a chunk may be overwritten by the next."""
        for window in self.hear(samples):
            yield from (chunk for _, chunk in in_step([(self, window)]))

    def stream_tail(self) -> Iterator[Chunk]:
        """As `finish`, a chunk at a time."""
        for window in self.end():
            yield from (chunk for _, chunk in in_step([(self, window)]))

    def hear(self, samples: Sound) -> Iterator[Window]:
        """The windows that `samples` complete, for `in_step`: the chunk of each is made before the next is taken."""
        if self._owed is not None:
            raise AudioError("this call is over: `finish` was called; make a new session for another")
        return self._windows.push(samples)

    def end(self) -> Iterator[Window]:
        """The call is over: the windows still owed, for `in_step`."""
        self._owed = frames_of(self._windows.heard)
        yield from self._windows.finish()

    def moving(self, window: Window) -> Callable[[], MadeAhead]:
        """What makes the motion of `window` ahead of its pictures, in whichever thread it is called; then `take` it.

        Nothing else is asked of the session's motion meanwhile.
        """
        asked, state, generator = self._due(window), self._state, self._motion

        def make() -> MadeAhead:
            clock = ChunkClock()
            with clock.chunk(), timed("motion"):
                motion, after = generator.step(window, state, asked)
            return MadeAhead(motion, after, clock)

        return make

    def take(self, made: MadeAhead) -> None:
        """Go on from motion made ahead, before the next window is taken; `in_step` draws it, given its window."""
        self._state = made.after
        self._ahead = (made, self._memory())

    def _taken(self, window: Window) -> MadeAhead | None:
        """The motion of `window`, where it was made ahead; from now on `save` tells of the moment after it."""
        if self._ahead is None:
            self._border = None
            return None
        (made, self._border), self._ahead = self._ahead, None
        assert made.motion.first == window.index * CHUNK_FRAMES, "chunks are drawn in the order of their motion"
        return made

    def _chunk(self, motion: Motion, pictures: Frames) -> Chunk:
        if self._owed is not None and self._owed < motion.first + len(motion.values):
            left = self._owed - motion.first
            motion = replace(motion, values=motion.values[:left], contacts=motion.contacts[:left])
        self._seen.keep(motion)
        frames = zip(range(len(motion.values)), pictures, strict=False)
        return Chunk(motion, [Frame(picture, motion.first + i) for i, picture in frames])

    def save(self, path: Path) -> None:
        """Write what the session remembers to `path` (safetensors); `restore` goes on bit for bit.

        Where motion is made ahead, that is what it remembered after the last chunk that was drawn.
        """
        tensors = self._memory() if self._border is None else self._border
        with replacing(path) as partial:
            partial.write_bytes(save(tensors))

    def _memory(self) -> dict[str, torch.Tensor]:
        """All it remembers, as tensors of their own."""
        tensors = {f"motion.{name}": tensor.contiguous().cpu() for name, tensor in self._state.items()}
        tensors |= {f"windows.{name}": torch.from_numpy(array) for name, array in self._windows.state().items()}
        tensors["asked"] = as_tensor(self._asked)
        return tensors

    def restore(self, path: Path) -> None:
        """Take over what `save` wrote for a session of the same identity, models and settings."""
        tensors = load(path.read_bytes())
        windows = {n.removeprefix("windows."): t.numpy() for n, t in tensors.items() if n.startswith("windows.")}
        self._windows = Windows.restored(windows)
        self._state = {name: tensors[f"motion.{name}"].to(tensor.device) for name, tensor in self._state.items()}
        self._asked = from_tensor(tensors["asked"])
        self._ahead = self._border = None
        self._seen.forget()


SessionWindow = tuple[StreamingSession, Window]


def in_step(heard: Sequence[SessionWindow], helper: Executor | None = None) -> Iterator[tuple[StreamingSession, Chunk]]:
    """The chunk of every session from its window; the frames of one may be overwritten by the next.

    Sessions of one `JointRenderer` are drawn in one forward and keep their order; so are those of one `JointGenerator`
    moved. What cannot be joined takes turns; with a `helper` of one thread two of them are drawn at once. Each
    session's frames are those it would give alone: the same bits on a CPU, up to rounding on a GPU.
    """
    companies = _grouped_by_model(heard, lambda session: session._renderer, JointRenderer)
    at_once = 1 if helper is None else 2  # no more: a thread may overwrite what it has drawn
    for first in range(0, len(companies), at_once):
        mine, *others = companies[first : first + at_once]
        beside = [helper.submit(_company_chunks, other) for other in others] if helper is not None else []
        yield from _company_chunks(mine)
        for other in beside:
            yield from other.result()


def _company_chunks(company: Sequence[SessionWindow]) -> list[tuple[StreamingSession, Chunk]]:
    """The chunk of every session of a company that is drawn together."""
    sessions = [session for session, _ in company]
    first, *others = [session.clock for session in sessions]
    with first.chunk(*others):
        with timed("motion"):
            motions = _moved(company)
        with timed("render"):
            pictures = _drawn(sessions, motions)
    _check_numbers(motions, late=True)
    return [
        (session, session._chunk(motion, drawn))
        for session, motion, drawn in zip(sessions, motions, pictures, strict=True)
    ]


def _grouped_by_model(
    heard: Sequence[SessionWindow], model: Callable[[StreamingSession], object], joint: type
) -> list[list[SessionWindow]]:
    """Those that share a model of the kind `joint` together, every other session by itself."""
    groups: dict[int, list[SessionWindow]] = {}
    for session, window in heard:
        shared = model(session)
        groups.setdefault(id(shared if isinstance(shared, joint) else session), []).append((session, window))
    return list(groups.values())


def _moved(company: Sequence[SessionWindow]) -> list[Motion]:
    """Every session's next motion, made now or before; its state goes on."""
    motions: dict[StreamingSession, Motion] = {}
    for session, window in company:
        if (ready := session._taken(window)) is not None:
            motions[session] = ready.motion
            company[0][0].clock.include(ready.clock)
    still = [(session, window) for session, window in company if session not in motions]
    for group in _grouped_by_model(still, lambda session: session._motion, JointGenerator):
        sessions, windows = zip(*group, strict=True)
        states = [session._state for session in sessions]
        generator = sessions[0]._motion
        asked = [session._due(window) for session, window in group]
        if isinstance(generator, JointGenerator):
            steps = generator.step_together(windows, states, asked)
        else:
            steps = [generator.step(windows[0], states[0], asked[0])]
        for session, (motion, after) in zip(sessions, steps, strict=True):
            motions[session], session._state = motion, after
    made = [motions[session] for session, _ in company]
    _check_numbers(made, late=False)
    return made


def _check_numbers(motions: Sequence[Motion], late: bool) -> None:
    """Raises AvtrError for motion that holds NaN or infinity, which would be drawn as black.

    `late`: after drawing, when a GPU has answered anyway; on a CPU before it.
    """
    for motion in motions:
        if (motion.values.device.type != "cpu") == late and not torch.isfinite(motion.values).all():
            raise AvtrError(
                f"the motion model made no numbers (NaN) for the frames from {motion.first}: its weights or the sound "
                "are damaged, or a motion setting is beyond what it knows; check them, or leave the settings out"
            )


def _drawn(sessions: Sequence[StreamingSession], motions: Sequence[Motion]) -> list[Frames]:
    renderer = sessions[0]._renderer
    if isinstance(renderer, JointRenderer):
        identities = [session._identity for session in sessions]
        cameras = [camera for session in sessions if isinstance(camera := session._camera, Camera)]
        assert len(cameras) == len(sessions), "renderers that draw together know one view"
        return renderer.draw_together(identities, motions, cameras)
    return [_drawn_alone(sessions[0], motions[0])]


def _drawn_alone(session: StreamingSession, motion: Motion) -> Frames:
    """Frame by frame where the camera moves."""
    renderer, identity, camera = session._renderer, session._identity, session._camera
    if isinstance(camera, Camera):
        return renderer.draw(identity, motion, camera)
    frames = []
    for row in range(len(motion.values)):
        one = Motion(motion.space, motion.values[row : row + 1], motion.first + row, motion.contacts[row : row + 1])
        frames.append(renderer.draw(identity, one, camera.at(one.first))[0].copy())
    return np.stack(frames)


def _copied_frames(chunks: Iterator[Chunk]) -> list[Frame]:
    return [Frame(frame.pixels.copy(), frame.index) for chunk in chunks for frame in chunk.frames]
