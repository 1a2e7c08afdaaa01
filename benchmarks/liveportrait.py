"""Plain against fast: seconds per frame of LivePortrait's warp and decoder on this CPU, as a ratio within one run.

    python benchmarks/liveportrait.py [--threads 2] [--rounds 5] [--json FILE]

Plain is the module-by-module eager run of the published networks (`warping.py`, `spade.py`), fast what the renderer
uses (`fast_warping.py`, `fast_spade.py`); both on the same made-up weights, since speed does not depend on their
values. The two take turns, so that whatever else the machine does falls on both; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

import torch  # noqa: E402

from avtr_cli.diagnostics.made_up import numbers as made_up  # noqa: E402
from avtr_cli.render.liveportrait import networks  # noqa: E402
from avtr_cli.render.liveportrait.fast_spade import FastSpadeGenerator  # noqa: E402
from avtr_cli.render.liveportrait.fast_warping import FastWarpingModule  # noqa: E402


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds per frame by network and form, and the largest difference over the deviation."""
    warping = networks.load("warping_module", made_up.weights("warping_module"))
    spade = networks.load("spade_generator", made_up.weights("spade_generator"))
    cpu = torch.device("cpu")
    fast_warping, fast_spade = FastWarpingModule(warping, cpu), FastSpadeGenerator(spade, cpu)

    volume = torch.from_numpy(made_up.volume("bench/feature_3d", (1, 32, 16, 64, 64)))
    kp_source = torch.from_numpy(made_up.plain("bench/kp_source", (1, 21, 3), 0.25))
    kp_driving = kp_source + torch.from_numpy(made_up.plain("bench/kp_move", (1, 21, 3), 0.06))
    source = fast_warping.prepare(volume, kp_source)
    feature = fast_warping(source, kp_driving)["out"]

    pairs = {
        "warp": (
            lambda: warping(feature_3d=volume, kp_source=kp_source, kp_driving=kp_driving)["out"],
            lambda: fast_warping(source, kp_driving)["out"],
        ),
        "decode": (lambda: spade(feature=feature), lambda: fast_spade(feature)),
    }
    results = {}
    for name, (plain, fast) in pairs.items():
        expected, actual = plain(), fast()  # warm-up as well
        error = float((actual - expected).abs().max() / expected.std())
        times = [(seconds(plain), seconds(fast)) for _ in range(rounds)]
        plain_s, fast_s = (statistics.median(column) for column in zip(*times, strict=True))
        results[name] = {"plain_s": plain_s, "fast_s": fast_s, "ratio": plain_s / fast_s, "difference": error}
    plain_s, fast_s = (sum(result[form] for result in results.values()) for form in ("plain_s", "fast_s"))
    results["together"] = {"plain_s": plain_s, "fast_s": fast_s, "ratio": plain_s / fast_s}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of each form; medians are compared")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    arguments = parser.parse_args()
    threads = runtime.use_threads(arguments.threads)
    with torch.inference_mode():
        results = measure(arguments.rounds)
    device = runtime.describe_device(torch.device("cpu"), "fp32", threads)
    print(f"{device['name']}, {threads} threads, fp32, torch {device['torch']}; medians of {arguments.rounds} rounds")
    for name, result in results.items():
        line = f"{name:9} plain {result['plain_s']:6.2f} s   fast {result['fast_s']:6.2f} s   {result['ratio']:5.2f} x"
        print(line + (f"   differ by {result['difference']:.1e}" if "difference" in result else ""))
    if arguments.json:
        arguments.json.write_text(json.dumps({"device": device, "per_frame": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
