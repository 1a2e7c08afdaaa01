"""Settings: a preset (YAML) and `--set` pairs become one frozen value; every default is written here, once.

An unknown key is an error, so a typo cannot pass as a default. `presets/*.yaml` name every setting again
with what turning it does, and a test keeps them complete.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from avtr_cli.errors import ConfigError

LEFT_AS_IT_IS = -1.0  # of a wanted opening: none is wanted
EMOTIONS = ("neutral", "happy", "serious", "surprised", "sad")


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """How audio becomes motion."""

    generator: str = "lmfm"  # lmfm: our own, embedded | avtr1: the published model
    euler_steps: int = 4  # from noise to motion; time is linear in it
    self_guidance: float = 1.0  # above 1, the mouth follows the avatar's own voice more closely
    partner_guidance: float = 1.0  # above 1, listening follows the partner more closely
    identity_guidance: float = 1.0  # above 1, the manner of this person is kept more closely
    noise_correlation: float = 2.0  # a of the AR(1) base noise; larger is smoother
    noise_limit: float = 1.2  # truncation of the base noise (published model)
    expressiveness: float = 1.0  # scales the face's departure from neutral; the mouth's closures are kept
    head_gain: float = 1.0  # scales head rotation and translation
    blink_rate: float = 1.0  # times the natural rate
    gaze: float = 1.0  # scales eye movement; 0 looks into the camera
    smile: float = 0.0  # added to both mouth corners, -1 .. 1
    emotion: str = "neutral"  # one of EMOTIONS
    emotion_intensity: float = 0.5  # 0 .. 1

    def __post_init__(self) -> None:
        _choose("motion.generator", self.generator, ("lmfm", "avtr1"))
        _choose("motion.emotion", self.emotion, EMOTIONS)
        _within("motion.euler_steps", self.euler_steps, 1, 100)
        _within("motion.emotion_intensity", self.emotion_intensity, 0, 1)
        _within("motion.smile", self.smile, -1, 1)
        for name in ("expressiveness", "head_gain", "blink_rate", "gaze"):
            _within(f"motion.{name}", getattr(self, name), 0, 3)
        for name in ("self_guidance", "partner_guidance", "identity_guidance"):
            _within(f"motion.{name}", getattr(self, name), 0, 10)


@dataclass(frozen=True, kw_only=True)
class RenderConfig:
    """How motion becomes pictures."""

    renderer: str = "mesh"  # mesh: our own warp of the photo | liveportrait: the published networks
    view: str = "crop"  # crop: square around the head | photo: the whole picture, aspect kept
    size: int = 512  # side of the crop, or the longer side of the photo view at most (px)
    background: str = "none"  # none: the photo's own | blur | #RRGGBB | an image file | transparent
    breathing: float = 1.0  # scales the slow rise of the shoulders; 0 is off
    relight: float = 1.0  # scales the shading that follows head and skin; 0 is off
    # Of the LivePortrait renderer alone:
    region: str = "all"  # what moves: all | expression | pose | lips | eyes
    driving: str = "avtr1"  # the expression turns with the head | relative, absolute: LivePortrait's, it does not
    eyes_open: float = LEFT_AS_IT_IS  # 0 .. 0.8: opens eyes to this height over width (0.35 is usual); -1 leaves them
    lips_open: float = LEFT_AS_IT_IS  # 0 .. 0.8: the same for lips (0 is shut); -1 leaves them
    close_lips: bool = False  # shuts the mouth of a photo with parted lips before it is moved

    def __post_init__(self) -> None:
        _choose("render.renderer", self.renderer, ("mesh", "liveportrait"))
        _choose("render.view", self.view, ("crop", "photo"))
        _choose("render.region", self.region, ("all", "expression", "pose", "lips", "eyes"))
        _choose("render.driving", self.driving, ("avtr1", "relative", "absolute"))
        for name in ("eyes_open", "lips_open"):
            if getattr(self, name) != LEFT_AS_IT_IS:
                _within(f"render.{name}", getattr(self, name), 0, 0.8)
        _within("render.size", self.size, 64, 4096)
        _within("render.breathing", self.breathing, 0, 3)
        _within("render.relight", self.relight, 0, 2)


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """How pictures and sound become a file."""

    sound: str = "self"  # self | mix (both voices, mono) | stereo (self left, partner right) | none
    encoder: str = "auto"  # auto: NVENC where it works, else x264 | x264 | nvenc
    crf: int = 18  # constant quality of H.264: lower is better and larger, 0 .. 51
    speed: str = "veryfast"  # x264's preset: ultrafast .. slow; slower is smaller, not prettier
    audio_kbps: int = 160  # AAC

    def __post_init__(self) -> None:
        _choose("output.sound", self.sound, ("self", "mix", "stereo", "none"))
        _choose("output.encoder", self.encoder, ("auto", "x264", "nvenc"))
        _choose(
            "output.speed",
            self.speed,
            ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"),
        )
        _within("output.crf", self.crf, 0, 51)
        _within("output.audio_kbps", self.audio_kbps, 16, 512)


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """What it runs on."""

    device: str = "auto"  # auto | cpu | cuda | cuda:N
    precision: str = "fp32"  # fp32 | bf16 | fp16: of the published networks on a GPU
    threads: int = 0  # CPU threads of the renderer; 0 chooses
    compile: str = "auto"  # on: warp and decoder through torch.compile | off | auto: off
    cuda_graphs: str = "auto"  # a chunk's work launched as one graph: on | off | auto: where a GPU can, proven equal

    def __post_init__(self) -> None:
        _choose("runtime.compile", self.compile, ("auto", "on", "off"))
        _choose("runtime.cuda_graphs", self.cuda_graphs, ("auto", "on", "off"))
        _choose("runtime.precision", self.precision, ("fp32", "bf16", "fp16"))
        _within("runtime.threads", self.threads, 0, 64)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Everything that shapes a video besides photo, sound and seed."""

    name: str = "default"
    motion: MotionConfig = field(default_factory=MotionConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def with_settings(self, **settings: Any) -> Preset:
        """A copy with dotted keys replaced: `preset.with_settings(**{"render.size": 256})`; None is skipped."""
        return _apply(self, {k: v for k, v in settings.items() if v is not None}, "--set")

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def preset_folder() -> Path:
    """Where the shipped presets lie: beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).parent / "presets"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "presets"


def preset_names() -> list[str]:
    return sorted(path.stem for path in preset_folder().glob("*.yaml"))


def load_preset(name_or_file: str | Path = "default", settings: list[str] | tuple[str, ...] = ()) -> Preset:
    """The preset called NAME, or the YAML FILE, with `key.sub=value` settings on top.

    Raises ConfigError for an unknown name, file, key, or a value of the wrong kind.
    """
    import yaml

    path = Path(name_or_file)
    if path.suffix not in (".yaml", ".yml"):
        path = preset_folder() / f"{name_or_file}.yaml"
        if not path.is_file():
            known = ", ".join(preset_names())
            raise ConfigError(f"no preset is called '{name_or_file}'; there are {known}, or give a .yaml file")
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path}: the preset cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a YAML file ({str(error).splitlines()[0]})") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path}: a preset is a table of settings, this is a {type(loaded).__name__}")
    flat: dict[str, Any] = {}
    for section, values in loaded.items():
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: '{section}' must hold settings, as in 'render: {{size: 512}}'")
        flat.update({f"{section}.{key}": value for key, value in values.items()})
    preset = _apply(Preset(name=path.stem), flat, str(path))
    return _apply(preset, parse_settings(settings), "--set")


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`key.sub=value` strings as {"key.sub": value}. Raises ConfigError for a string without `=`."""
    import yaml

    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: write it as key.sub=value, as in render.size=512")
        try:  # a colour such as #00FF00 would be a comment to YAML
            parsed[key.strip()] = text.strip() if text.strip().startswith("#") else yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {pair}: '{text}' is no value; write a number, true, false or a word") from None
    return parsed


def _apply(preset: Preset, settings: dict[str, Any], origin: str) -> Preset:
    sections = {f.name: getattr(preset, f.name) for f in fields(preset) if is_dataclass(getattr(preset, f.name))}
    changed: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        if section not in sections:
            raise ConfigError(f"{origin}: no group of settings is called '{section}'; there are {', '.join(sections)}")
        known = {f.name: getattr(sections[section], f.name) for f in fields(sections[section])}
        if name not in known:
            raise ConfigError(f"{origin}: no {section} setting is called '{name}'; there are {', '.join(known)}")
        changed.setdefault(section, {})[name] = _as_kind_of(known[name], value, f"{origin}: {key}")
    try:
        new = {name: dataclasses.replace(sections[name], **values) for name, values in changed.items()}
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    return dataclasses.replace(preset, **new)


def _as_kind_of(default: Any, value: Any, where: str) -> Any:
    """`value` as the kind of thing `default` is; a whole number is welcome where a fraction is meant."""
    kind = type(default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    meant = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]
    raise ConfigError(f"{where} must be {meant}, not {value!r}")


def _choose(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{key} is '{value}', but must be one of {', '.join(choices)}")


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{key} is {value}, but must lie between {low} and {high}")
