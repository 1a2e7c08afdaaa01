"""Settings: a preset (YAML) and `--set` pairs become one frozen value; every default is written here, once.

An unknown key is an error, so a typo cannot pass as a default. `presets/*.yaml` name every setting again
with what turning it does, and a test keeps them complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from avtr_cli.core import presets
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.limits import (
    VIEWS_SUFFIXES,
    check_all,
    check_value,
    is_background,
    is_device,
    is_style,
    is_viewpoint,
    like,
    one_of,
    within,
)
from avtr_cli.core.renamed import name_now, value_now
from avtr_cli.core.textfile import quoted

PRESET_SUFFIXES = presets.SUFFIXES  # of a file; anything else is a name
LEFT_AS_IT_IS = -1.0  # of a wanted opening: none is wanted
EMOTIONS = ("neutral", "happy", "serious", "surprised", "sad")
SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
NO_STYLE = "none"
NAME_FILES = ("render.background", "render.camera", "motion.style")  # settings that may be the name of a file
STYLE = "none, or a .npz file of FLAME motion"
BACKGROUND_WORDS = ("none", "blur", "studio", "transparent")
BACKGROUND = "none, blur, studio, transparent, a colour such as #204060, or a picture file"

VIEWPOINT = "front, orbit:DEG or orbit:DEG,DEG (to the right of the picture, and upwards), or a .yaml file of views"


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """How audio becomes motion."""

    # lmfm: our own, embedded | avtr1, unils: published models
    generator: str = one_of("lmfm", "avtr1", "unils", default="lmfm")
    euler_steps: int = within(1, 100, 4)  # from noise to motion; time is linear in it
    avatar_guidance: float = within(0, 10, 1.0)  # above 1, the mouth follows the avatar's own voice more closely
    partner_guidance: float = within(0, 10, 1.0)  # above 1, listening follows the partner more closely
    identity_guidance: float = within(0, 10, 1.0)  # above 1, the manner of this person is kept more closely
    noise_correlation: float = within(0.1, 100, 2.0)  # a of the AR(1) base noise; larger is smoother
    noise_limit: float = within(0.1, 6, 1.2)  # truncation of the base noise, in its standard deviations
    manner: str = one_of("calm", "natural", "lively", default="natural")  # how much head, brows and face move
    expressiveness: float = within(0, 3, 1.0)  # scales the face's departure from neutral; mouth closures are kept
    head_gain: float = within(0, 3, 1.0)  # scales head rotation and translation
    blink_rate: float = within(0, 3, 1.0)  # times the natural rate
    gaze: float = within(0, 3, 1.0)  # scales eye movement; 0 looks into the camera
    smile: float = within(-1, 1, 0.0)  # added to both mouth corners
    emotion: str = one_of(*EMOTIONS, default="neutral")
    emotion_intensity: float = within(0, 1, 0.5)
    audio_free: bool = False  # moves by the prior alone, that hears nothing, whatever is said
    # Of UniLS alone:
    guidance: float = within(1, 10, 1.5)  # above 1, style and both voices are followed more closely
    temperature: float = within(0.1, 2, 1.0)  # of what is drawn at random; lower is calmer
    top_p: float = within(0.5, 1, 0.97)  # share of what is likely that is drawn from
    silence_gate: bool = True  # a voice below -60 dBFS for 4 s is silence; else its hiss would speak
    smoothing: bool = True  # over the borders of the 4 s that are made together
    rest: str = one_of("average", "clip", default="average")  # how the face rests: as most faces | as in this call
    style: str = like(STYLE, is_style, NO_STYLE)  # whose manner is followed

    def __post_init__(self) -> None:
        check_all(self, "motion")


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """How motion becomes pictures."""

    renderer: str = one_of(
        "mesh", "body", "liveportrait", default="mesh"
    )  # our own warp | a whole body | the published
    view: str = one_of("crop", "photo", default="crop")  # crop: square around the head | photo: whole, aspect kept
    size: int = within(64, 4096, 512)  # px, rounded to even: side of the crop, or longer side of the photo view at most
    background: str = like(BACKGROUND, is_background, "none")  # none: the photo's own
    breathing: float = within(0, 3, 1.0)  # scales the slow rise of the shoulders; 0 is off
    relight: float = within(0, 2, 1.0)  # scales the shading that follows head and skin; 0 is off
    # Of the renderer of bodies alone:
    camera: str = like(VIEWPOINT, is_viewpoint, "front")  # from where it is seen
    framing: str = one_of("photo", "full", "half", "head", default="photo")  # how much of the person the frame shows
    shadow: float = within(0, 1, 1.0)  # scales the shadow on a studio's floor, where the feet are seen; 0 is off
    # Of the LivePortrait renderer alone:
    region: str = one_of("all", "expression", "pose", "lips", "eyes", default="all")  # what moves
    driving: str = one_of("avtr1", "relative", "absolute", default="avtr1")  # avtr1: the expression turns with the head
    eyes_open: float = within(0, 0.8, LEFT_AS_IT_IS, off=LEFT_AS_IT_IS)  # to this height over width; 0.35 is usual
    lips_open: float = within(0, 0.8, LEFT_AS_IT_IS, off=LEFT_AS_IT_IS)  # the same for lips (0 is shut)
    close_lips: bool = False  # shuts the mouth of a photo with parted lips before it is moved

    def __post_init__(self) -> None:
        check_all(self, "render")


@dataclass(frozen=True, kw_only=True)
class BodyConfig:
    """How a whole body gestures, where the renderer draws one."""

    liveliness: float = within(0, 2, 1.0)  # how often hands rise and beat; 0: arms keep to the photo
    rest: str = one_of("photo", "hang", "clasp", default="photo")  # where hands rest: as in the photo | ...
    arms: str = one_of("auto", "both", "left", "right", "none", default="auto")  # which move; auto: those seen free

    def __post_init__(self) -> None:
        check_all(self, "body")


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """How pictures and sound become a file."""

    sound: str = one_of(
        "avatar", "mix", "stereo", "none", default="avatar"
    )  # mix: mono | stereo: avatar left, partner right
    encoder: str = one_of("auto", "x264", "nvenc", default="auto")  # auto: NVENC where it works, else x264
    crf: int = within(0, 51, 18)  # constant quality of H.264: lower is better and larger
    speed: str = one_of(*SPEEDS, default="veryfast")  # x264's preset; slower is smaller, not prettier
    audio_kbps: int = within(16, 512, 160)  # AAC

    def __post_init__(self) -> None:
        check_all(self, "output")


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """What it runs on."""

    device: str = like("auto, cpu, cuda or cuda:N", is_device, "auto")
    precision: str = one_of("fp32", "bf16", "fp16", default="fp32")  # of the published networks on a GPU
    threads: int = within(0, 64, 0)  # CPU threads of the renderer; 0 chooses
    compile: str = one_of("auto", "on", "off", default="auto")  # on: warp and decoder by torch.compile | auto: off
    cuda_graphs: str = one_of("auto", "on", "off", default="auto")  # a chunk as one graph; auto: where proven equal
    kernels: str = one_of("auto", "off", default="auto")  # auto: on a CPU, quick forms of mesh and motion | off: torch
    keep_avatars: str = one_of("auto", "off", default="auto")  # auto: prepared photos wait on the disk for later jobs

    def __post_init__(self) -> None:
        check_all(self, "runtime")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Everything that shapes a video besides photo, sound and seed."""

    name: str = "default"
    motion: MotionConfig = field(default_factory=MotionConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    body: BodyConfig = field(default_factory=BodyConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def with_settings(self, **settings: Any) -> Preset:
        """A copy with dotted keys replaced: `preset.with_settings(**{"render.size": 256})`; None is skipped."""
        return self.changed(settings)

    def changed(
        self, settings: Mapping[str, Any], origin: str = "--set", options: Mapping[str, str] | None = None
    ) -> Preset:
        """As `with_settings`; a ConfigError names `origin` and the key, so that people see what they wrote.

        `options` has the names of options that stand for keys, as {"render.size": "--size"}; they are named instead.
        """
        return _apply(self, {k: v for k, v in settings.items() if v is not None}, origin, options or {})

    def files(self) -> dict[str, Path]:
        """The files of the user's that settings name, by their dotted keys."""
        behind, style, camera = self.render.background, self.motion.style, self.render.camera
        named = {
            "render.background": "" if behind in BACKGROUND_WORDS or behind.startswith("#") else behind,
            "render.camera": camera if camera.lower().endswith(VIEWS_SUFFIXES) else "",
            "motion.style": "" if style == NO_STYLE else style,
        }
        return {key: Path(name) for key, name in named.items() if name}

    def as_dict(self) -> dict[str, Any]:
        """All settings as nested dictionaries of plain values."""
        return dataclasses.asdict(self)


def load_preset(name_or_file: str | Path = "default", settings: list[str] | tuple[str, ...] = ()) -> Preset:
    """The preset called NAME (core/presets.py), or the YAML FILE, with `key.sub=value` settings on top.

    Raises ConfigError for an unknown name, file, key, or a value of the wrong kind.
    """
    from avtr_cli.core.plain_yaml import load_file

    path = Path(name_or_file)
    if path.suffix.lower() not in PRESET_SUFFIXES:
        found = presets.find(str(name_or_file))
        if found is None:
            known = presets.names()
            there = f"there are {', '.join(known)}, or give a .yaml file"
            meant = _hint(str(name_or_file), known)
            raise ConfigError(f"no preset is called {quoted(str(name_or_file))}; {there}{meant and f'; {meant}'}")
        path = found
    loaded = load_file(path) or {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: a preset is a table of settings, this is {quoted(loaded)}")
    flat: dict[str, Any] = {}
    for section, values in loaded.items():
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: {quoted(section)} must hold settings, as in 'render: {{size: 512}}'")
        flat.update({f"{section}.{key}": value for key, value in values.items()})
    preset = _apply(Preset(name=path.stem), flat, str(path), {})
    return _apply(preset, parse_settings(settings), "--set", {})


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`key.sub=value` strings as {"key.sub": value}; a word is taken as it was typed.

    Raises ConfigError for a string without `=`, and for a value that is none.
    """
    from avtr_cli.core.plain_yaml import load

    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ConfigError(f"--set {quoted(pair)}: write it as key.sub=value, as in render.size=512")
        kind = _kinds().get(key)
        if kind is str and text[:1] not in ("'", '"'):  # a colour such as #00FF00 would be a comment to YAML
            parsed[key] = text
        else:
            with contextlib.suppress(ConfigError):
                parsed[key] = load(text, key)
            if parsed.get(key) is None:
                raise ConfigError(f"--set {key}: {quoted(text)} is no value; write a number, true, false or a word")
    return parsed


def _kinds() -> dict[str, type]:
    """Every setting by its dotted name, with the kind of thing it is."""
    groups = {group: value for group, value in vars(Preset()).items() if is_dataclass(value)}
    return {f"{group}.{name}": type(value) for group, values in groups.items() for name, value in vars(values).items()}


def _apply(preset: Preset, settings: Mapping[str, Any], origin: str, options: Mapping[str, str]) -> Preset:
    sections = {f.name: getattr(preset, f.name) for f in fields(preset) if is_dataclass(getattr(preset, f.name))}
    changed: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        section, _, name = str(key).partition(".")
        if section not in sections:
            meant = name_now(str(key)) or _hint(str(key), list(_kinds())) or f"there are {', '.join(sections)}"
            raise ConfigError(f"{origin}: no group of settings is called {quoted(section)}; {meant}")
        known = {field.name: field for field in fields(sections[section])}
        if name not in known:
            meant = name_now(str(key)) or _hint(str(key), list(_kinds())) or f"there are {', '.join(known)}"
            raise ConfigError(f"{origin}: no {section} setting is called {quoted(name)}; {meant}")
        called = options.get(key, f"{origin}: {key}")
        value = _as_kind_of(getattr(sections[section], name), value, called)
        if now := value_now(str(key), value):
            raise ConfigError(f"{called} is {quoted(value)}, but {now}")
        check_value(known[name], value, called)
        changed.setdefault(section, {})[name] = value
    return dataclasses.replace(preset, **{n: dataclasses.replace(sections[n], **v) for n, v in changed.items()})


def _hint(wrong: str, known: Sequence[str]) -> str:
    """`did you mean ...?`, or nothing where no known name is like the wrong one."""
    alike = [name for name in known if name.rpartition(".")[2] == wrong.rpartition(".")[2] != ""]
    alike = alike or difflib.get_close_matches(wrong[:80], known, 1, 0.7)
    if not alike and "." not in wrong:  # the group left out, and a letter besides
        endings = {name.rpartition(".")[2]: name for name in known}
        alike = [endings[ending] for ending in difflib.get_close_matches(wrong[:80], list(endings), 1, 0.8)]
    return f"did you mean {' or '.join(alike)}?" if alike else ""


def _as_kind_of(default: Any, value: Any, called: str) -> Any:
    """`value` as the kind of thing `default` is; a whole number is welcome where a fraction is meant."""
    kind = type(default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # of 400 digits: then it is no number of ours
            return float(value)
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    meant = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]
    quotes = "; put it in quotes if it is one" if kind is str and isinstance(value, (int, float)) else ""
    raise ConfigError(f"{called} must be {meant}, not {quoted(value)}{quotes}")
