"""Both sides of a call in one video: who hears whom, how pictures are laid out, when the turn passes, resuming."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.audio.turns import LATER_FRAMES, SHORTEST_FRAMES, active_side, turns
from avtr_cli.core.clocks import ChunkClock
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.jobs import production
from avtr_cli.jobs.checking import check
from avtr_cli.jobs.feed import Feed
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.preparation import prepare
from avtr_cli.jobs.production import render_file
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.output.layout import FADE_FRAMES, Layout
from avtr_cli.streaming.session import StreamingSession, in_step
from tests import videos


@pytest.fixture(scope="module")
def second_photo() -> Path:
    return shipped_folder("examples") / "portrait_drawn.png"


def job_of(photo: Path, photo_b: Path, sound: Path, out: Path, engine, **more) -> TwoSidedJob:
    files = DialogueFiles(dialogue=sound)
    return TwoSidedJob(photo=photo, photo_b=photo_b, sound=files, out=out, preset=engine.preset, **more)


# Who hears whom


@pytest.mark.slow
def test_each_person_is_rendered_as_if_alone_with_the_other_as_partner(engine, photo, second_photo, wav):
    identities = [engine.avatar(path)[1] for path in (photo, second_photo)]

    def session(at: int) -> StreamingSession:
        return StreamingSession(identities[at], engine.generator, engine.renderer, seed=3 + at)

    with DialogueSource(DialogueFiles(dialogue=wav(0.9))) as source:
        sound = np.concatenate(list(source.blocks()), axis=1)
        alone = [one.push(heard) + one.finish() for one, heard in
                 ((session(0), sound), (session(1), np.ascontiguousarray(sound[::-1])))]  # fmt: skip
        layout = Layout("side-by-side", [identity.size for identity in identities])
        feed = Feed([session(0), session(1)], source, layout)
        chunks = (chunk for heard in feed.heard() for _, chunk in in_step(heard))
        takes = (take for take in map(feed.receive, chunks) if take is not None)
        together = [picture.copy() for take in takes for picture in take.pictures]
    assert len(together) == len(alone[0]) == len(alone[1]) == 23
    for index, picture in enumerate(together):
        assert (picture[:, :256] == alone[0][index].pixels).all()
        assert (picture[:, 256:] == alone[1][index].pixels).all()


@pytest.mark.slow
def test_one_video_has_both_people_both_voices_and_one_report(engine, photo, second_photo, wav, tmp_path):
    job = job_of(photo, second_photo, wav(1.0), tmp_path / "both.mp4", engine)
    report = render_file(job, engine)
    frames, sound = videos.decode(job.out), videos.sound(job.out)
    assert frames.shape == (25, 256, 512, 3)
    assert sound.shape[1] == 2
    assert np.abs(sound[:, 0]).max() > 10 * np.abs(sound[:, 1]).max()  # A speaks first, on the left
    assert report["output"]["layout"] == "side-by-side"
    assert {"photo", "photo_b", "audio"} == report["inputs"].keys()
    assert report["inputs"]["photo"]["sha256"] != report["inputs"]["photo_b"]["sha256"]
    assert report["settings"]["output"]["sound"] == "stereo"
    assert report["timing"]["chunk_ms"]["count"] == 5
    assert report["timing"]["stages_ms"]["encode"]["count"] == 5
    assert report["timing"]["stages_ms"]["composite"]["mean"] > 0


@pytest.mark.slow
def test_two_pictures_of_one_person_do_not_move_as_one(engine, photo, tmp_path):
    same = tmp_path / "same.wav"
    soundfile.write(same, np.zeros((32_000, 2), np.float32), 16_000)
    job = job_of(photo, photo, same, tmp_path / "twins.mp4", engine)
    render_file(job, engine)
    frames = videos.decode(job.out).astype(int)
    assert np.abs(frames[:, :, :256] - frames[:, :, 256:]).max() > 40


@pytest.mark.slow
def test_an_interrupted_dialogue_goes_on_bit_for_bit(engine, photo, second_photo, wav, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "SEGMENT_FRAMES", 10)

    def job(name: str) -> TwoSidedJob:
        return job_of(photo, second_photo, wav(1.2), tmp_path / name, engine, layout="active-speaker")

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 25:
            raise Stopped

    clean = render_file(job("clean.mp4"), engine)
    with pytest.raises(Stopped):
        render_file(job("cut.mp4"), engine, stop)
    report = render_file(job("cut.mp4"), engine)
    assert report["output"]["resumed_from_frame"] == 20
    assert report["output"]["frames_sha256"] == clean["output"]["frames_sha256"]
    assert {path.name for path in tmp_path.iterdir()} == {"clean.mp4", "cut.mp4"}


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["side-by-side", "active-speaker"])
def test_two_people_drawn_by_two_cores_give_the_frames_of_one(
    engine, photo, second_photo, wav, tmp_path, monkeypatch, layout
):
    def report(cores: int) -> dict:
        monkeypatch.setattr(production.runtime, "cores", lambda: cores)
        job = job_of(photo, second_photo, wav(0.9), tmp_path / f"{cores}.mp4", engine, layout=layout)
        with production.Production(prepare(check(job), engine)) as begun:
            assert (begun.helper is not None) == (cores > 1)
            while begun.under_way:
                production.render_next_chunks([begun])
            return begun.finish()

    one, two = report(1), report(2)
    assert one["output"]["frames_sha256"] == two["output"]["frames_sha256"]
    assert len({len(report["timing"]["chunk_ms"]) for report in (one, two)}) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("second")]


def test_the_time_of_two_drawn_at_once_is_that_of_the_slower(second_photo, wav):
    with DialogueSource(DialogueFiles(dialogue=wav(0.9))) as source:
        feed = Feed(
            [SimpleNamespace(clock=ChunkClock(), joint=False) for _ in range(2)], source, Layout("stack", [(8, 8)] * 2)
        )
        for session, ms in zip(feed.sessions, (30.0, 50.0), strict=True):
            session.clock.chunk_ms = [ms, 10.0]
        assert feed.clock().chunk_ms == [80.0, 20.0]
        feed.at_once = True
        assert feed.clock().chunk_ms == [50.0, 10.0]


def test_the_key_follows_layout_and_second_photo(engine, photo, second_photo, wav, tmp_path):
    def key(**more) -> str:
        return job_of(photo, more.pop("photo_b", second_photo), wav(1.0), tmp_path / "a.mp4", engine, **more).key()

    alone = Job(photo=photo, sound=DialogueFiles(dialogue=wav(1.0)), out=tmp_path / "a.mp4", preset=engine.preset)
    assert len({key(), key(layout="stack"), key(photo_b=photo), key(seed=1), key(label="AI"), alone.key()}) == 6


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"layout": "pile"}, "side-by-side, active-speaker, stack"),
        ({"sound": DialogueFiles(dialogue=Path("a.wav"), solo=True)}, "avtr render --solo"),
        ({"motion_out": Path("m.csv")}, "belong to one avatar"),
        ({"pace": "slow"}, "max or realtime"),
    ],
)
def test_what_a_dialogue_cannot_be_is_said_at_once(more, said):
    wanted = {"photo": Path("a.png"), "photo_b": Path("b.png"), "sound": DialogueFiles(dialogue=Path("a.wav"))}
    with pytest.raises(ConfigError, match=said):
        TwoSidedJob(**(wanted | {"out": Path("o.mp4")} | more))


@pytest.mark.slow
def test_the_command_renders_it(avtr, second_photo, wav, tmp_path):
    out = tmp_path / "d.mp4"
    words = ["dialogue", second_photo, second_photo, wav(0.4), "-o", out, "--size", 128, "--layout", "stack", "--quiet"]
    assert avtr(*words) == (0, f"{out}\n", "")
    assert videos.decode(out).shape == (10, 256, 128, 3)


# Layouts


def plain(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.full((size[1], size[0], 3), value, np.uint8)


def test_stack_puts_the_second_below_the_first():
    layout = Layout("stack", [(64, 48), (64, 48)])
    picture = layout.compose(plain(10), plain(200), 0)
    assert layout.size == (64, 96)
    assert (picture[:48] == 10).all()
    assert (picture[48:] == 200).all()


def test_a_second_picture_of_another_shape_is_fitted_without_distortion():
    layout = Layout("side-by-side", [(64, 48), (20, 60)])
    picture = layout.compose(plain(10), plain(200, (20, 60)), 0)
    seen = picture[:, 64:, 0]
    assert picture.shape == (48, 128, 3)
    assert (seen[:, 24:40] == 200).all()  # 20 x 60 at 48 high is 16 wide, centred
    assert (seen[:, :23] == 0).all()
    assert (seen[:, 41:] == 0).all()


def test_the_active_speaker_is_large_and_the_listener_in_the_corner():
    shown = np.repeat([0, 1], 50).astype(np.uint8)
    layout = Layout("active-speaker", [(200, 200), (200, 200)], shown)

    def at(index: int) -> np.ndarray:
        return layout.compose(plain(10, (200, 200)), plain(200, (200, 200)), index).copy()

    before, after = at(0), at(80)
    assert (before[:100] == 10).all()
    assert (before[150:180, 150:180] == 200).all()
    assert (after[:100] == 200).all()
    assert (after[150:180, 150:180] == 10).all()
    large = [int(at(50 + step)[0, 0, 0]) for step in range(-1, FADE_FRAMES + 1)]
    assert large[0] == 10
    assert large[-1] == 200
    assert large == sorted(large)
    assert len(set(large)) == FADE_FRAMES + 1  # a fade, not a cut


def test_a_frame_depends_on_its_index_and_not_on_the_frames_before():
    shown = np.repeat([0, 1], 20).astype(np.uint8)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (2, 40, 100, 100, 3), np.uint8)

    def layout() -> Layout:
        return Layout("active-speaker", [(100, 100)] * 2, shown)

    whole, again = layout(), layout()
    frames = [whole.compose(pictures[0, i], pictures[1, i], i).copy() for i in range(40)]
    for index in (22, 5, 39):
        assert (again.compose(pictures[0, index], pictures[1, index], index) == frames[index]).all()


# Turns


def voice(*spans: tuple[int, int, int], frames: int = 500) -> np.ndarray:
    """bool (2, frames) from (side, first, last) spans."""
    both = np.zeros((2, frames), bool)
    for side, first, last in spans:
        both[side, first:last] = True
    return both


def test_the_turn_passes_shortly_before_the_other_speaks():
    shown = turns(voice((0, 0, 200), (1, 210, 400)))
    switch = int(shown.argmax())
    assert 200 <= switch <= 210
    assert (shown[switch:] == 1).all()


def test_a_listener_s_mhm_and_a_pause_pass_nothing():
    assert (turns(voice((0, 0, 200), (1, 100, 110), (0, 240, 480))) == 0).all()
    assert (turns(voice((0, 0, 100), (0, 150, 400), (1, 120, 128))) == 0).all()


def test_who_speaks_first_is_shown_first_and_silence_shows_the_first_person():
    assert turns(voice((1, 50, 400)))[0] == 1
    assert (turns(voice()) == 0).all()


def test_turns_are_never_shorter_than_can_be_watched():
    random = np.random.default_rng(1)
    for _ in range(20):
        both = np.repeat(random.random((2, 60)) > 0.5, 10, axis=1)
        changes = np.flatnonzero(np.diff(turns(both)))
        assert (np.diff(changes) >= SHORTEST_FRAMES).all()
        assert len(changes) == 0 or changes[0] >= LATER_FRAMES


def test_turns_follow_the_voices_of_a_recording(wav):
    with DialogueSource(DialogueFiles(dialogue=wav(10.0))) as source:
        shown = active_side(source)
    assert len(shown) == 250
    assert [int(shown[frame]) for frame in (30, 95, 155, 215)] == [0, 1, 0, 1]  # turns of 2.5 s


# At the speed of a call


@pytest.mark.slow
def test_at_the_speed_of_a_call_the_frames_are_the_same_and_their_delay_is_told(engine, photo, wav, tmp_path):
    def job(pace: str) -> Job:
        files = DialogueFiles(dialogue=wav(2.0))
        return Job(photo=photo, sound=files, out=tmp_path / f"{pace}.mp4", preset=engine.preset, pace=pace)

    fast, live = render_file(job("max"), engine), render_file(job("realtime"), engine)
    assert live["output"]["frames_sha256"] == fast["output"]["frames_sha256"]
    assert fast["timing"]["pace"] == {"mode": "max"}
    pace = live["timing"]["pace"]
    assert pace["frame_latency_ms"]["count"] == 50
    assert pace["chunk_delay_ms"]["count"] == 10
    assert live["timing"]["wall_s"] >= 2.0
    # A chunk of 5 frames leaves once 405 ms are heard: its last frame has then waited at least 245 ms.
    assert pace["frame_latency_ms"]["mean"] > 245
    assert 0 <= pace["deadline_misses"] <= 10
