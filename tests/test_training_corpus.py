"""The corpus: phones, simulated calls, and ground truth that keeps the rules it claims to follow."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from tiny_speech import tiny_corpus, tiny_utterance

from avtr_cli.core.errors import AvtrError
from avtr_cli.core.phones import BILABIAL
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.evaluation.motion.face import lip_aperture
from avtr_cli.motion import gestures
from avtr_cli.motion.lmfm import voicing
from avtr_cli.motion.lmfm.articulation import compose
from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE
from avtr_cli.training import (
    augment,
    behaviour,
    conversation,
    dataset,
    phones,
    recordings,
    speech,
    targets,
    text,
    voices,
)
from avtr_cli.training.mouth import mouth_truth
from avtr_cli.training.prosody import analyse, pitch

CALL_SECONDS = 20


@pytest.fixture(scope="module")
def corpus():
    return tiny_corpus()


@pytest.fixture(scope="module")
def call(corpus):
    return conversation.simulate(corpus, CALL_SECONDS, np.random.default_rng(8), sides=2)


@pytest.fixture(scope="module")
def made(call):
    return dataset.make_call(call, np.random.default_rng(9))


def lips(made, side):
    """Aperture of the true motion, (T,)."""

    def get(name):
        return torch.from_numpy(made[name][side].astype(np.float32))

    closures = get("closures")
    gate, presence, face = voicing.of_whole(get("activity"), get("face"))
    motion = compose(get("mouth"), closures[:, 0], closures[:, 1], gate, presence, face, get("curves"))
    return lip_aperture(motion.numpy())


def test_names_of_three_engines_mean_the_same_phones():
    assert phones.phone_id("B") == phones.phone_id_of_ipa("b") == phones.PHONES.index("b")
    assert phones.phone_id("aa1") == phones.phone_id_of_ipa("ˈɑː") == phones.PHONES.index("aa")
    assert phones.phone_id("jh") == phones.phone_id_of_ipa("dʒ") == phones.PHONES.index("sh")
    assert phones.phone_id("pau") == phones.phone_id_of_ipa("_:") == 0
    assert len(phones.VISEME_OF_PHONE) == len(phones.PHONES)
    assert set(phones.PHONES) <= set(targets.TARGETS)
    assert phones.VISEME_OF_PHONE.max() == len(phones.VISEMES) - 1


def test_sentences_are_filled_and_repeat_with_their_seed():
    lines = [text.sentence(np.random.default_rng(k), ["marble"]) for k in range(30)]
    assert not any("{" in line for line in lines)
    assert len(set(lines)) > 20
    assert lines[3] == text.sentence(np.random.default_rng(3), ["marble"])


def test_phrases_often_end_as_everyday_talk_does():
    ends = [text.sentence(np.random.default_rng(k), ["marble"]).rstrip("?!.").split()[-1].lower() for k in range(300)]
    assert sum(end in ("you", "do", "too", "to", "know", "go", "now", "home") for end in ends) > 15
    assert all(line[-1] in ".?!" and line[0].isupper() for line in text.everyday())


@pytest.mark.slow
def test_lips_close_at_every_bilabial_and_open_at_open_vowels(made):
    shut, wide = [], []
    for side in (0, 1):
        opening, classes = lips(made, side), made["visemes"][side]
        shut.append(opening[(classes == 1).sum(1) >= 3])
        wide.append(opening[(classes == 10).sum(1) >= 3])
    shut, wide = np.concatenate(shut), np.concatenate(wide)
    assert len(shut) > 10
    assert shut.max() < 0.06
    assert np.median(wide) > 0.2


@pytest.mark.slow
def test_a_mouth_is_exactly_still_while_its_side_says_nothing(made, call):
    for side in (0, 1):
        t = (np.arange(made["activity"].shape[1]) + 0.5) / 25
        speaking = np.zeros(len(t), bool)
        for start, end, _ in call[side].units:
            speaking |= (t > start - 0.3) & (t < end + 0.9)  # lips stay parted over short pauses
        assert (~speaking).any()
        assert np.abs(lips(made, side)[~speaking]).max() == 0.0


def test_a_voice_with_four_times_the_lines_speaks_twice_as_often():
    few, many = ([object()] * count for count in (10, 40))
    rng = np.random.default_rng(0)
    drawn = [conversation._voice({"espeak-a": few, "espeak-b": many}, rng) for _ in range(600)]
    assert 1.6 < drawn.count("espeak-b") / drawn.count("espeak-a") < 2.5


def test_pitch_is_found_where_there_is_a_voice():
    utterance = tiny_utterance(np.random.default_rng(1), hertz=140.0)
    speech_mask = np.zeros(len(utterance.samples) // 160, bool)
    speech_mask[10:-10] = True
    found = pitch(utterance.samples, speech_mask)
    voiced = found[found > 0]
    assert len(voiced) > 0.5 * speech_mask.sum()
    assert abs(np.median(voiced) - 140) < 8


@pytest.mark.slow
def test_listeners_nod_after_phrases_far_more_than_elsewhere(corpus):
    after, elsewhere, nods = 0, 0, 0
    nod = gestures.EVENTS.index("nod")
    for seed in range(12):
        rng = np.random.default_rng(seed)
        own, partner = conversation.simulate(corpus, CALL_SECONDS, rng, sides=2)
        seen = analyse(partner)
        frames = CALL_SECONDS * 25
        face = behaviour.behave(analyse(own), seen, frames, np.zeros(8), "neutral", 0.0, rng)
        near = np.zeros(frames, bool)
        for start, end, _, _ in seen.units:
            if end - start > 0.7:
                near[int(end * 25) : int(end * 25) + 35] = True
        starts = face.starts[:, nod]
        after += starts[near].sum() / max(near.sum(), 1)
        elsewhere += starts[~near].sum() / max((~near).sum(), 1)
        nods += starts.sum()
    assert nods > 12
    assert after > 3 * elsewhere


def test_blinks_come_as_often_as_people_blink_also_in_silence(corpus):
    blinks = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        silent = analyse(conversation.simulate(corpus, CALL_SECONDS, rng, sides=0)[0])
        face = behaviour.behave(silent, silent, CALL_SECONDS * 25, np.zeros(8), "neutral", 0.0, rng)
        blinks += face.starts[:, gestures.EVENTS.index("blink")].sum()
    assert 10 <= blinks / (10 * CALL_SECONDS / 60) <= 25


def test_a_head_at_rest_sways_but_stays(corpus):
    silent = analyse(conversation.Side(np.zeros(120 * SAMPLE_RATE, np.float32)))
    face = behaviour.behave(silent, silent, 120 * 25, np.zeros(8), "neutral", 0.0, np.random.default_rng(3))
    yaw = face.face[:, 1]
    assert 0.3 < yaw.std() < 3
    assert abs(yaw[:250].mean() - yaw[-250:].mean()) < 3


def test_augmentation_keeps_length_and_stays_in_range():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sound = tiny_utterance(rng).samples
        heard = augment.colour(sound, rng)
        assert heard.shape == sound.shape
        assert heard.dtype == np.float32
        assert np.abs(heard).max() <= 1
        assert np.isfinite(heard).all()


@pytest.mark.slow
def test_a_call_is_made_again_to_the_same_bits(corpus):
    def once():
        rng = np.random.default_rng(21)
        return dataset.make_call(conversation.simulate(corpus, 8, rng), rng)

    first, second = once(), once()
    for name, value in first.items():
        assert np.array_equal(value, second[name]), name


def test_a_lossy_code_changes_the_sound_and_keeps_its_time():
    t = np.arange(16_000) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.float32)
    for seed in range(6):
        heard = augment._compressed(sound, np.random.default_rng(seed))
        assert heard.shape == sound.shape
        assert np.abs(heard - sound).max() > 1e-4
        at = [np.dot(sound[400:-400], heard[400 + shift : len(heard) - 400 + shift]) for shift in range(-40, 41)]
        assert abs(int(np.argmax(at)) - 40) <= 4  # quarter of a millisecond


def test_utterances_survive_their_file(tmp_path, corpus):
    voice = next(iter(corpus.values()))
    voices.save_utterances(tmp_path / "voice.safetensors", voice)
    again = voices.load_utterances(tmp_path / "voice.safetensors")
    assert [u.feedback for u in again] == [u.feedback for u in voice]
    assert np.abs(again[2].samples - voice[2].samples).max() < 1e-4
    assert np.array_equal(again[2].phones, voice[2].phones)


def test_no_engine_is_one_sentence_that_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(voices, "available_voices", lambda kokoro: {})
    with pytest.raises(AvtrError, match="apt-get install"):
        voices.speak_corpus(tmp_path, {}, 1, tmp_path)


def test_a_voice_that_is_trained_on_cannot_judge(tmp_path):
    with pytest.raises(AvtrError, match="kept from training"):
        voices.development_voice("af_heart", tmp_path / "cache.safetensors", tmp_path, 1)


def test_missing_recordings_are_one_sentence_that_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "_SOUNDS", tmp_path / "none")
    with pytest.raises(AvtrError, match="asterisk-core-sounds-en"):
        recordings.recorded_voice(recordings.JUDGE, tmp_path / "cache.safetensors")
    assert recordings.recorded_teachers(tmp_path) == {}


def test_the_judge_is_never_a_teacher():
    teachers = {one.folder for one in recordings.TEACHERS}
    assert recordings.JUDGE.folder not in teachers
    assert not any("Allison" in folder for folder in teachers), "the Spanish prompts are the judge's own voice"


def test_sounds_that_english_lacks_keep_what_the_lips_do():
    names = [phones.arpabet_of_ipa(sound) for sound in ("ˈy", "ø", "ɲ", "ʒ", "ts", "pʲ", "β", "ɔ̃")]
    assert names == ["uw", "er", "n", "zh", "s", "p", "b", "ao"]
    assert phones.phone_id_of_ipa("ʒ") == phones.PHONES.index("sh")


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed here")
def test_words_of_another_language_are_spelled_in_english_phones():
    assert recordings.spell({"mamma", "per", "bene"}, recordings.TEACHERS[0].language) == {
        "bene": "B EH N EH", "mamma": "M AE M M AE", "per": "P EH R"
    }  # fmt: skip


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed here")
def test_forced_alignment_finds_known_phone_times():
    pytest.importorskip("pocketsphinx")
    line = "my mother forgot the bottle by the river"
    spoken = next(iter(speech.speak_flite("slt", [line], np.random.default_rng(3))))
    rows = recordings.align(spoken.samples, line.split())
    bilabial = [phones.PHONES.index(name) for name in "pbm"]
    known = [row[1:].mean() for row in spoken.phones if row[0] in bilabial]
    found = [row[1:].mean() for row in rows if row[0] in bilabial]
    assert len(found) == len(known) >= 4
    assert np.median(np.abs(np.subtract(found, known))) < 0.03
    spelling = {"my": "M AY", "mother": "M AH DH ER"}
    assert recordings.align(spoken.samples, ["my", "mother", "xyzzy"], spelling) is None


ENGINES = {
    "espeak-ng": (speech.speak_espeak, "gmw/en-US+f1"),
    "flite": (speech.speak_flite, "slt"),
    "festival": (speech.speak_festival, "kal_diphone"),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_installed_engine_speaks_with_phone_times_that_fit_its_sound(engine):
    if not shutil.which(engine):
        pytest.skip(f"{engine} is not installed here")
    speak, voice = ENGINES[engine]
    (said,) = speak(voice, ["Bob may pay my mom."], np.random.default_rng(1))
    names = [phones.PHONES[int(row[0])] for row in said.phones]
    assert sum(name in BILABIAL for name in names) >= 6
    assert 0.6 < said.seconds < 4
    assert (np.diff(said.phones[:, 1]) >= 0).all()
    assert said.phones[said.phones[:, 0] > 0][-1, 2] <= said.seconds
    truth = mouth_truth(said.phones, analyse(_side(said)), 1.0, np.random.default_rng(0))
    open_ones = np.isin(np.array(phones.VISEMES)[truth.visemes], ("aa", "eh")).any(1)
    assert truth.shapes[open_ones, 0].mean() > 1.5 * truth.shapes[~open_ones, 0].mean()


def test_lips_part_further_where_a_voice_is_bright_and_as_much_at_any_level():
    aa = phones.PHONES.index("aa")
    rows = np.array([(aa, 0.25 * k, 0.25 * (k + 1)) for k in range(8)], np.float32)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    low, high = np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 4000 * time)
    voice = (0.2 * low + np.where(time < 1, 0.002, 0.1) * high).astype(np.float32)

    def jaw(samples):
        side = conversation.Side(samples, [rows], [(0.0, 2.0, False)])
        return mouth_truth(rows, analyse(side), 1.0, np.random.default_rng(0)).shapes[:, 0]

    dull, bright = jaw(voice)[5:20].mean(), jaw(voice)[30:45].mean()
    assert bright > 1.3 * dull > 0
    assert np.abs(jaw(0.3 * voice) - jaw(voice)).mean() < 0.01


def test_a_silent_side_has_no_brightness():
    silent = conversation.Side(np.zeros(SAMPLE_RATE, np.float32))
    assert not analyse(silent).brightness.any()
    assert analyse(silent).brightness.shape == (100,)


def _side(utterance):
    samples = np.zeros(len(utterance.samples) // 640 * 640 + 640, np.float32)
    side = conversation.Side(samples)
    side.say(utterance, 0.0, 1.0, 1.0)
    return side


def test_other_throats_and_rooms_leave_times_alone_and_differ_by_side():
    from avtr_cli.training.perturb import perturb

    features = torch.full((3, 2, 40, FEATURES), SILENCE)
    features[:, :, 20:30] = 1.0
    heard = perturb(features, torch.Generator().manual_seed(1))
    again = perturb(features, torch.Generator().manual_seed(1))
    assert torch.equal(heard, again)
    assert heard.shape == features.shape
    assert heard.min() >= SILENCE
    loud = heard.mean(-1)
    assert (loud[..., 20:30].amin(-1) > loud[..., :20].amax(-1)).all()
    assert not torch.allclose(heard[0, 0], heard[0, 1])


def test_a_warp_of_one_changes_nothing_and_a_longer_throat_lowers_formants():
    from avtr_cli.training.perturb import _warp

    rows = torch.zeros(1, 1, 1, 80)
    rows[..., 40] = 1.0
    assert torch.allclose(_warp(rows, torch.ones(1, 1)), rows, atol=1e-3)
    assert _warp(rows, torch.full((1, 1), 1.15))[0, 0, 0].argmax() < 40
