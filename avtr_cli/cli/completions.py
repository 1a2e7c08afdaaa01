"""What a shell offers after TAB: names that are known without loading anything heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Offer = Callable[[str], list[str]]


def among(words: Iterable[str]) -> Offer:
    """Offers those of `words` that begin as what was typed."""
    known = list(words)

    def offer(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return offer


def preset_names(incomplete: str) -> list[str]:
    """`--preset`: shipped and own ones."""
    from avtr_cli.core import presets

    return among(presets.names())(incomplete)


def settings(incomplete: str) -> list[str]:
    """`--set`: names of settings, with the `=` that comes next."""
    from avtr_cli.core.config import Preset

    groups = {group: value for group, value in Preset().as_dict().items() if isinstance(value, dict)}
    return among(f"{group}.{name}=" for group, values in groups.items() for name in values)(incomplete)


def demo_names(incomplete: str) -> list[str]:
    """Clips of `avtr demo`."""
    from avtr_cli.jobs.demos import choose_demos

    return among([*(demo.name for demo in choose_demos(None)), "compare", "avtr1-page"])(incomplete)


def weights_names(incomplete: str) -> list[str]:
    """Sets and files of `avtr weights`."""
    from avtr_cli.weights.registry import registry

    known = registry()
    return among([*known.sets(), *known.files])(incomplete)


def formats(incomplete: str) -> list[str]:
    """`--format`: endings without their dot."""
    from avtr_cli.output.formats import FORMATS

    return among(suffix.removeprefix(".") for suffix in FORMATS)(incomplete)


def video_formats(incomplete: str) -> list[str]:
    """`--format` of a batch, which writes videos only."""
    from avtr_cli.output.formats import VIDEOS

    return among(suffix.removeprefix(".") for suffix in VIDEOS)(incomplete)
