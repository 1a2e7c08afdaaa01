"""What a report says of the files: what came out, what went in, how it is marked, and every hash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from avtr_cli.core.timing import FPS
from avtr_cli.report.elements import anchor, clock, facts, folded, section, size_text

SHORT = 12  # letters of a hash that tell files apart at a glance
SEPARATE = 0.3  # a correlation of two microphones in one room stays below
SOUND_WORDS = {1: "mono", 2: "stereo"}


def moment(text: str) -> str:
    """An ISO time as people write it: `2026-11-29 20:15 UTC`; the text itself where it is none."""
    try:
        return f"{datetime.fromisoformat(text.replace('Z', '+00:00')):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text


def file_section(report: Mapping[str, Any]) -> str:
    """The finished file: size, formats, date, hashes, weights."""
    output, told = report["output"], {}
    told["file"] = output["path"]
    told["made"] = moment(report["avtr"]["finished"])
    rate = 8 * output["bytes"] / output["duration_s"] / 1e6
    told["size"] = f"{size_text(output['bytes'])}, {output['bytes']:,} bytes, {rate:.2f} Mbit/s"
    told["picture"] = f"{output['codec']}, {output['width']}×{output['height']} px, {output['fps']} fps"
    told["picture"] += "" if output["layout"] == "single" else f", {output['layout']}"
    told["length"] = f"{output['duration_s']:.2f} s, {output['frames']:,} frames"
    told["sound"] = sound_words(output)
    if output["resumed_from_frame"]:
        told["taken up"] = f"at {clock(output['resumed_from_frame'] / FPS)}, after an interruption"
    told["SHA-256"] = output["sha256"]
    told["of all frames"] = output["frames_sha256"]
    weights = ", ".join(f"{one['file']} {one['sha256'][:SHORT]}…" for one in report["weights"])
    told["weights"] = weights or "none"
    return section("File", facts(told))


def sound_words(output: Mapping[str, Any]) -> str:
    """`AAC, mono, 48 kHz`."""
    if output["sound_codec"] is None:
        return "none"
    channels = SOUND_WORDS[output["sound_channels"]]
    return f"{output['sound_codec']}, {channels}, {output['sound_rate'] / 1000:g} kHz"


def inputs_section(report: Mapping[str, Any], where: Path) -> str:
    """What went in, with links from the page that lies at `where`."""
    inputs, rows = report["inputs"], []
    for key, name in (("photo", "photo"), ("photo_b", "photo of B")):
        if key in inputs:
            one = inputs[key]
            rows.append((name, f"{_file(where, one['path'])}, {one['width']}×{one['height']} px"))
    audio = inputs["audio"]
    channels = "1 channel" if audio["channels"] == 1 else f"{audio['channels']} channels"
    rows.append(("sound", f"{_file(where, audio['path'])}, {channels}, {audio['sample_rate'] / 1000:g} kHz"))
    if "partner" in audio:
        rows.append(("partner's sound", _file(where, audio["partner"]["path"])))
    first = audio["start_s"]
    rows.append(("part of it", f"{clock(first)} to {clock(first + audio['duration_s'])} ({audio['duration_s']:.2f} s)"))
    own, other = audio["voice_share"]
    sides = ("A", "B") if "photo_b" in inputs else ("the avatar", "the partner")
    rows.append(("voices", f"{sides[0]} {own:.0%} of the time, {sides[1]} {other:.0%}"))
    likeness = round(audio["correlation"], 2) + 0.0  # never -0.00
    meant = "two separate voices" if abs(likeness) < SEPARATE else "both sides share sound"
    rows.append(("correlation of the sides", f"{likeness:.2f}: {meant}" if other else "one voice alone"))
    told = "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return section("Inputs", f'<table class="facts">{told}</table>')


def origin_section(report: Mapping[str, Any]) -> str:
    """How the file says that it is generated; then all hashes, folded."""
    marks, lines = report["provenance"], []
    if not marks["marked"]:
        lines.append('<span class="bad">Not marked as AI-generated</span> (--no-provenance)')
    else:
        where = ["the container's metadata"] + ["XMP"] * bool(marks.get("xmp"))
        lines.append(f"Marked as AI-generated in {' and '.join(where)}")
        signed = marks.get("c2pa")
        if signed:
            lines.append(f"C2PA manifest signed by “{escape(signed['signer'])}”")
        elif marks.get("c2pa_absent"):
            lines.append(f"No C2PA manifest: {escape(marks['c2pa_absent'])}")
    if marks.get("label"):
        lines.append(f"Label on every frame: “{escape(marks['label'])}”")
    lines += [escape(notice) for notice in report["attribution"]]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return section("Origin", f"<ul>{items}</ul>") + folded("Hashes (SHA-256) of what went in", facts(_hashes(report)))


def _hashes(report: Mapping[str, Any]) -> dict[str, str]:
    inputs = report["inputs"]
    hashes = {Path(entry["path"]).name: entry["sha256"] for entry in inputs.values()}
    if "partner" in inputs["audio"]:
        hashes[Path(inputs["audio"]["partner"]["path"]).name] = inputs["audio"]["partner"]["sha256"]
    return hashes | {one["file"]: one["sha256"] for one in report["weights"]}


def _file(where: Path, path: str) -> str:
    return anchor(where, Path(path), path)
