"""Motion in the keypoints space into pictures of one photo, by LivePortrait's published networks.

Once per portrait: face points, a level crop of 512 pixels, the feature volume (F), pose, expression and resting
keypoints (M). Per frame: driving keypoints by AVTR-1's convention (the expression turns with the head, scale and shift
are the portrait's) or LivePortrait's, corrections, stitching, warp (W), decoding (G), and the face back into its
picture. The crop is AVTR-1's too. Chunks of several portraits go through the networks together.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avtr_cli.core.arrays import Affine, Frames, Image, Points
from avtr_cli.core.camera import FRONT, Camera, check_front
from avtr_cli.core.clocks import timed
from avtr_cli.core.config import LEFT_AS_IT_IS, RenderConfig, RuntimeConfig
from avtr_cli.core.cuda_graphs import Graphs, to_host
from avtr_cli.core.errors import WeightsError
from avtr_cli.core.motion_space import KEYPOINTS
from avtr_cli.core.rotation import matrix_of, vector_of
from avtr_cli.core.runtime import precision_on
from avtr_cli.core.types import Identity, Motion, Portrait
from avtr_cli.perception.crop import resample, scale_of
from avtr_cli.perception.template import fit_pose
from avtr_cli.render.composite import OWN, background, is_transparent
from avtr_cli.render.liveportrait import checkpoints, networks
from avtr_cli.render.liveportrait.checkpoints import BASE_NETWORKS, SHARED_FILE
from avtr_cli.render.liveportrait.compiled import CompiledSpadeGenerator, CompiledWarpingModule
from avtr_cli.render.liveportrait.convolution import Scratch
from avtr_cli.render.liveportrait.crop import AVTR1, crop_matrix, cropped, network_input
from avtr_cli.render.liveportrait.fast_spade import FastSpadeGenerator
from avtr_cli.render.liveportrait.fast_warping import FastWarpingModule
from avtr_cli.render.liveportrait.landmarks import LandmarkNetwork
from avtr_cli.render.liveportrait.matting import Backdrop, MattingNetwork
from avtr_cli.render.liveportrait.paste import PasteBack
from avtr_cli.render.liveportrait.pose import (
    FacePose,
    absolute_keypoints,
    avtr1_keypoints,
    relative_keypoints,
)
from avtr_cli.render.liveportrait.regions import motion_mask
from avtr_cli.render.liveportrait.retargeting import OPEN_LIPS, corrected, eye_ratio, lip_ratio, opening_delta
from avtr_cli.render.split import cut_out
from avtr_cli.render.view import crop_view, whole_photo
from avtr_cli.weights.store import Store
from avtr_cli.weights.tensors import StateDict

ONE_STEP = 1.0  # of 255: as near as a CUDA graph's frames must be to the plain call's
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Avatar:
    """What the renderer keeps of an identity."""

    pose: FacePose
    keypoints: Tensor  # (1, 21, 3): where the portrait's own lie in the crop
    neutral: Tensor  # (66,): as in the Identity, where the networks are
    opening: Tensor | None  # (1, 21, 3): what opens or shuts eyes and lips as the settings want; None: nothing
    closing: Tensor | None  # (1, 21, 3): what shuts a photo's parted lips; None: they are shut, or stay
    source: Any  # what the warp keeps of the portrait
    paste: PasteBack
    backdrop: Backdrop | None  # None: the photo's own background


class LivePortraitRenderer:
    """See the module. `config.region` limits what the motion moves; elsewhere the portrait stays as it is."""

    space = KEYPOINTS
    free_camera = False

    def __init__(
        self,
        states: Mapping[str, StateDict],
        config: RenderConfig,
        runtime: RuntimeConfig,
        device: torch.device,
        landmarks: LandmarkNetwork | None = None,
        matting: MattingNetwork | None = None,
    ):
        """`states` by network name: the four of `BASE_NETWORKS` and stitching."""
        self.config = config
        self.weights_files: tuple[Path, ...] = ()
        self._one_at_a_time = threading.Lock()  # networks compute in memory that every thread would share
        self._moves = motion_mask(config.region).to(device)
        self._device, self._landmarks, self._matting = device, landmarks, matting
        dtype = PRECISIONS[precision_on(device, runtime.precision)]
        self._extract_appearance, self._extract_motion, self._stitch = (
            networks.load(name, dict(states[name])).to(device)
            for name in ("appearance_feature_extractor", "motion_extractor", "stitching")
        )
        self._open_eyes, self._open_lips = (
            networks.load(name, dict(states[name])).to(device) if name in states else None for name in ("eye", "lip")
        )
        plain_warp = networks.load("warping_module", dict(states["warping_module"]))
        plain_decoder = networks.load("spade_generator", dict(states["spade_generator"]))
        self._warp: FastWarpingModule | CompiledWarpingModule
        self._decode: FastSpadeGenerator | CompiledSpadeGenerator
        scratches: list[Scratch] = []
        if runtime.compile == "on":
            self._warp = CompiledWarpingModule(plain_warp, device, dtype)
            self._decode = CompiledSpadeGenerator(plain_decoder, device, dtype)
        else:
            self._warp = FastWarpingModule(plain_warp, device, dtype)
            self._decode = FastSpadeGenerator(plain_decoder, device, dtype)
            scratches += [self._warp.scratch, self._decode.scratch]
        self._frames = Graphs(
            self._drawn, device, runtime.cuda_graphs, ONE_STEP, lambda: [t for one in scratches for t in one.tensors()]
        )

    @classmethod
    def from_store(
        cls, config: RenderConfig, runtime: RuntimeConfig, device: torch.device, store: Store | None = None
    ) -> LivePortraitRenderer:
        """With the published weights of this machine. Raises WeightsError where they are absent or damaged."""
        store = store or Store()
        paths = {name: store.find(f"liveportrait/{name}") for name in (*BASE_NETWORKS, SHARED_FILE)}
        optional = {"landmark": store.find_optional("liveportrait/landmark")}
        if config.background != OWN:
            optional["modnet"] = store.find_optional("avtr1/modnet")
        return cls._from_files(paths, optional, config, runtime, device)

    @classmethod
    def from_folder(
        cls, folder: Path, config: RenderConfig, runtime: RuntimeConfig, device: torch.device
    ) -> LivePortraitRenderer:
        """With the files in `folder` or below it, under their published names, as .pth or .safetensors."""
        paths = {name: _found(folder, f"{name}.pth", f"{name}.safetensors") for name in (*BASE_NETWORKS, SHARED_FILE)}
        missing = [name for name, path in paths.items() if path is None]
        if missing:
            raise WeightsError(
                f"{folder}: {', '.join(missing)} not found in it; download the folder `liveportrait` of the model "
                "repository KlingTeam/LivePortrait, or run `avtr weights pull liveportrait`"
            )
        optional = {"landmark": _found(folder, "landmark.onnx"), "modnet": _found(folder, "modnet.onnx")}
        return cls._from_files({name: path for name, path in paths.items() if path}, optional, config, runtime, device)

    @classmethod
    def _from_files(
        cls,
        paths: Mapping[str, Path],
        optional: Mapping[str, Path | None],
        config: RenderConfig,
        runtime: RuntimeConfig,
        device: torch.device,
    ) -> LivePortraitRenderer:
        states = {name: checkpoints.read_network(paths[name], name) for name in BASE_NETWORKS}
        states |= checkpoints.read_shared(paths[SHARED_FILE])
        _check_corrections(states, config, paths[SHARED_FILE])
        landmark, modnet = optional.get("landmark"), optional.get("modnet")
        renderer = cls(
            states,
            config,
            runtime,
            device,
            LandmarkNetwork(landmark, device) if landmark else None,
            MattingNetwork(modnet, device) if modnet else None,
        )
        renderer.weights_files = (*paths.values(), *(path for path in optional.values() if path))
        return renderer

    def prepare(self, portrait: Portrait) -> Identity:
        """Everything that depends on the photo alone."""
        with self._one_at_a_time, torch.inference_mode():
            return self._prepared(portrait)

    def _prepared(self, portrait: Portrait) -> Identity:
        landmarks = portrait.landmarks[:, :2]
        if self._landmarks is not None:
            landmarks = self._landmarks(portrait.photo, landmarks)
        to_crop = crop_matrix(landmarks, AVTR1)
        image = torch.from_numpy(network_input(cropped(portrait.photo, to_crop, AVTR1.size))).to(self._device)
        pose = FacePose.from_heads(self._extract_motion(image=image))
        keypoints = pose.keypoints()
        # In the head's own frame, the expression that rotates onto the portrait's.
        still = torch.cat([vector_of(pose.rotation), (pose.exp @ pose.rotation.mT).flatten(1)], dim=1)[0]
        opening, closing = self._openings(keypoints, landmarks)
        frame, to_frame = self._view(portrait)
        avatar = Avatar(
            pose=pose,
            keypoints=keypoints,
            neutral=still.float(),
            opening=opening,
            closing=closing,
            source=self._warp.prepare(self._extract_appearance(image=image), keypoints),
            paste=PasteBack(frame, np.vstack([to_frame, [0, 0, 1]]) @ np.linalg.inv(to_crop), self._device),
            backdrop=self._backdrop(portrait, frame, to_frame),
        )
        height, width = frame.shape[:2]
        anatomy = {
            "canonical_keypoints": pose.kp[0],
            "rotation": pose.rotation[0],
            "expression": pose.exp[0],
            "scale": pose.scale[0],
        }
        still = still.float().cpu()
        return Identity(KEYPOINTS, still, avatar, (width, height), portrait.warnings, anatomy, portrait.person)

    def draw(self, identity: Identity, motion: Motion, camera: Camera = FRONT) -> Frames:
        """uint8 (T, H, W, 3), or 4 with a transparent background: one picture per row of `motion`."""
        return self.draw_together([identity], [motion], [camera])[0]

    @torch.inference_mode()
    def draw_together(
        self, identities: Sequence[Identity], motions: Sequence[Motion], cameras: Sequence[Camera]
    ) -> list[Frames]:
        """`draw` of every identity, all frames in one forward; on a CPU in turn, so with the bits of each alone."""
        for camera in cameras:
            check_front(camera, "liveportrait")
        avatars: list[Avatar] = [identity.kept for identity in identities]
        values = [motion.values.to(self._device, torch.float32) for motion in motions]
        with self._one_at_a_time:
            pasted = self._frames(avatars, values)
            with timed("composite"):
                frames = to_host(pasted)
        with timed("composite"):
            pictures = zip(avatars, frames, strict=True)
            return [one if avatar.backdrop is None else avatar.backdrop.behind(one) for avatar, one in pictures]

    def _drawn(self, *given: Any) -> list[Tensor]:
        """uint8 frames (T, H, W, 3) of every avatar from its motion (T, 66): all of a chunk that a GPU does.

        Given are the avatars, then the list of their motions.
        """
        avatars, values = given[:-1], given[-1]
        driven = [self._driven(avatar, one) for avatar, one in zip(avatars, values, strict=True)]
        sources = [avatar.source for avatar, one in zip(avatars, driven, strict=True) for _ in one]
        faces = self._decode(self._warp(sources, torch.cat(driven))["out"])
        parts = faces.split([len(one) for one in driven])
        return [avatar.paste(part) for avatar, part in zip(avatars, parts, strict=True)]

    def _driven(self, avatar: Avatar, values: Tensor) -> Tensor:
        """The keypoints to warp to, (T, 21, 3), of motion (T, 66)."""
        values = torch.where(self._moves, values, avatar.neutral)
        pose = avatar.pose
        rotation, expression = matrix_of(values[:, :3]), values[:, 3:].unflatten(1, (-1, 3))
        if self.config.driving == "avtr1":
            driven = avtr1_keypoints(pose, rotation, expression)
        else:  # as if a video had been seen whose face turns and moves so, in the portrait's frame
            moved = FacePose(rotation, pose.t, pose.scale, expression @ pose.rotation, pose.kp)
            if self.config.driving == "relative":
                driven = relative_keypoints(pose, moved, pose)
            else:
                driven = absolute_keypoints(pose, moved)
        # On a CPU frame by frame: a product of many rows rounds each by its place, and a frame must not depend on its
        # chunk.
        rows = driven.split(1 if self._device.type == "cpu" else len(driven))
        corrections = (avatar.opening, avatar.closing)
        return torch.cat([corrected(self._stitch, avatar.keypoints, one, *corrections) for one in rows])

    def _openings(self, keypoints: Tensor, landmarks: Points) -> tuple[Tensor | None, Tensor | None]:
        """`opening` and `closing` of an Avatar, by the settings and how open the photo's eyes and lips are."""
        config = self.config
        lips = lip_ratio(landmarks)

        def delta(network: nn.Module | None, *ratios: float) -> Tensor:
            assert network is not None, "checked when the weights were read"
            return opening_delta(network, keypoints, torch.tensor([ratios], device=self._device, dtype=torch.float32))

        openings = []
        if config.eyes_open != LEFT_AS_IT_IS:
            openings.append(delta(self._open_eyes, *eye_ratio(landmarks), config.eyes_open))
        if config.lips_open != LEFT_AS_IT_IS:
            openings.append(delta(self._open_lips, *lips, config.lips_open))
        closing = delta(self._open_lips, *lips, 0.0) if config.close_lips and lips[0] >= OPEN_LIPS else None
        return sum(openings[1:], openings[0]) if openings else None, closing

    def _view(self, portrait: Portrait) -> tuple[Image, Affine]:
        """The frame at rest, uint8 (H, W, 3), and the map (2, 3) from photo pixels to it."""
        if self.config.view == "photo":
            return whole_photo(portrait.photo, self.config.size)
        affine, size = crop_view(portrait, self.config.size)
        return resample(portrait.photo, affine, size, size), affine

    def _backdrop(self, portrait: Portrait, frame: Image, to_frame: Affine) -> Backdrop | None:
        """Another background than the photo's, as large as the frame."""
        wanted = self.config.background
        if wanted == OWN:
            return None
        height, width = frame.shape[:2]
        matte = resample(portrait.matte, to_frame, width, height)
        unit = fit_pose(portrait.landmarks).scale * scale_of(to_frame)
        picture = None if is_transparent(wanted) else background(wanted, cut_out(frame, matte, unit).plate)
        return Backdrop(picture, matte, self._matting)


def _check_corrections(states: Mapping[str, StateDict], config: RenderConfig, path: Path) -> None:
    """Raises WeightsError where the settings ask for a small network that the shared file at `path` does not hold."""
    eyes, lips = config.eyes_open != LEFT_AS_IT_IS, config.lips_open != LEFT_AS_IT_IS or config.close_lips
    for name, wanted, settings in (
        ("eye", eyes, "render.eyes_open needs"),
        ("lip", lips, "render.lips_open and render.close_lips need"),
    ):
        if wanted and name not in states:
            raise WeightsError(
                f"{path}: has no {name} network, which {settings}; leave the setting out, or fetch the file again with "
                "`avtr weights pull liveportrait`"
            )


def _found(folder: Path, *names: str) -> Path | None:
    return next((path for name in names for path in sorted(folder.rglob(name))), None)
