"""`uniser codec train`: a small AutoencoderKL fitted to a corpus's clean pictures; what a codec can reach on them.

OUT/config.json, diffusion_pytorch_model.safetensors   the averaged weights as diffusers reads them: `kl:OUT`
OUT/training.json, state.safetensors, log.jsonl        how they were made, and where the fitting goes on
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from uniser_core.ahead import in_order
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db
from uniser_core.order import EpochOrder
from uniser_core.seeding import derive_seed, generator
from uniser_core.storage import storage_errors

from uniser_model import checkpoint
from uniser_model.codec_kl import CONFIG, KLCodec
from uniser_model.config import continued
from uniser_model.data import CorpusReader, PictureCache, chw, draw_cut, resized
from uniser_model.diary import Diary
from uniser_model.ema import Ema
from uniser_model.evaluate import HELD_OUT
from uniser_model.optim import learning_rate, make_optimizer, optimizer_tensors
from uniser_model.safety import Stop, TrainingError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.codec_config import CodecConfig
    from uniser_model.data import UInt8

TRAINING, STATE = "training.json", "state.safetensors"
# Channels at each size, as multiples of the width; the smaller sizes stay at the last.
WIDENING = (1, 2, 4)
# Norms are over groups of so many channels or more; a norm over few of them takes away the picture's own level.
GROUP_CHANNELS = 16
FIRST_LOGVAR = -6.0
# Crops whose latents are measured for the scale, and held-out pictures that are encoded and decoded.
MEASURED_CROPS, MEASURED_PICTURES = 64, 16
# --minutes: steps that warm up, steps that are timed, at least, and the share of the time that they may take.
WARM_STEPS, TIMED_STEPS, TIMED_SHARE = 2, 5, 0.05


def clean_rows(corpus: CorpusReader, split: str) -> list[int]:
    """One row of each clean picture of a split, in order."""
    found = np.asarray(corpus.rows(split), np.int64)
    rows: list[int] = found.tolist()
    for name in ("clean_sha256", "group_id"):
        if name in corpus.index.column_names:
            seen = corpus.index.column(name).take(found).to_pylist()
            return list(dict(zip(reversed(seen), reversed(rows), strict=True)).values())[::-1]
    return rows


def reconstruction_db(codec: Codec, corpus: CorpusReader, most_px: int, most: int = MEASURED_PICTURES) -> list[float]:
    """PSNR of held-out clean pictures, encoded and decoded: the ceiling of what a model on this codec can reach.

    Of at most `most` pictures, whole, shrunk to a short side of at most `most_px`. Raises InputError without any.
    """
    rows = clean_rows(corpus, HELD_OUT)
    if not rows:
        raise InputError(f"split '{HELD_OUT}'", "has no clean pictures", "build the corpus with held-out groups")
    chosen = np.unique(np.linspace(0, len(rows) - 1, most).astype(int))
    found = []
    for i in chosen:
        picture: UInt8 = corpus.read(rows[i])["target_HWC"]
        size = np.array(picture.shape[:2]) * min(1.0, most_px / min(picture.shape[:2]))
        height, width = (max(1, int(s) // codec.factor) * codec.factor for s in size)
        picture = resized(picture, width, height)
        decoded = codec.decode(codec.encode(torch.from_numpy(chw(picture.astype(np.float32) / 255))[None]))[0]
        found.append(psnr_db(np.rint(decoded.clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8), picture))
    return found


class CodecTrainer:
    """The autoencoder, its average, its optimizer and the crops; `config.steps` is set before `advance`."""

    def __init__(self, config: CodecConfig, corpus: CorpusReader, device: str = "cpu") -> None:
        """Raises InputError for a split without rows."""
        rows = np.asarray(clean_rows(corpus, config.split), np.int64)
        if not len(rows):
            raise InputError(f"corpus {config.data_uri}", f"has no rows in split '{config.split}'", "choose another")
        self.config, self.device, self.step = config, torch.device(device), 0
        self.order = EpochOrder(rows, config.seed)
        self.pictures = PictureCache(corpus, config.data.short_side_px[1], config.data.cache_mb << 20)
        self.vae = new_autoencoder(config).to(self.device)
        self.optimizer = make_optimizer(self.vae, config.optim)
        self.ema = Ema(self.vae, config.optim.ema)

    def crop(self, number: int) -> Tensor:
        """Crop `number` (3, H, W), encoded sRGB in [0, 1]; always the same one."""
        place, data = self.order.where(number), self.config.data
        rng = generator(derive_seed("codec-crop", self.config.seed, number))
        picture = self.pictures.get(place.row)["target_HWC"]
        return torch.from_numpy(chw(draw_cut(rng, picture.shape[:2], (data.crop_px, data.crop_px), data).of(picture)))

    def batch(self, step: int) -> Tensor:
        """The crops (B, 3, H, W) of a step, from 0."""
        size = self.config.data.batch
        return torch.stack([self.crop(step * size + i) for i in range(size)])

    def batches(self) -> Generator[Tensor, None, None]:
        """The crops of this and all later steps, cut ahead by a thread."""
        with ThreadPoolExecutor(1, thread_name_prefix="crops") as pool:
            steps = range(self.step, self.config.steps or 0)
            with contextlib.closing(in_order(pool, self.batch, steps, 3)) as coming:
                for _, future in coming:
                    yield future.result()

    def losses(self, rgb_B3HW: Tensor) -> dict[str, Tensor]:
        """`loss`, and its parts: absolute, squared, edges (all of pixels in [-1, 1]) and kl (per latent value)."""
        x = rgb_B3HW.to(self.device) * 2 - 1
        latents = self.vae.encode(x).latent_dist
        dice = torch.Generator().manual_seed(derive_seed("codec-noise", self.config.seed, self.step) >> 1)
        noise = torch.randn(latents.mean.shape, generator=dice).to(self.device)
        error = self.vae.decode(latents.mean + latents.std * noise).sample - x
        parts = {
            "absolute": error.abs().mean(),
            "squared": error.square().mean(),
            # The error of the neighbours' difference is the difference of the errors.
            "edges": (error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()) / 2,
            "kl": 0.5 * (latents.mean.square() + latents.var - 1 - latents.logvar).mean(),
        }
        c = self.config
        loss = parts["absolute"] + c.squared * parts["squared"] + c.edges * parts["edges"] + c.kl * parts["kl"]
        return {"loss": loss, **parts}

    def advance(self, rgb_B3HW: Tensor) -> dict[str, float]:
        """One optimizer step; what `losses` says, and the learning rate. Raises TrainingError when it is no number."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            found = self.losses(rgb_B3HW)
        found["loss"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.vae.parameters(), self.config.optim.clip)
        if not norm.isfinite():
            raise TrainingError(f"step {self.step}: gradient norm {norm.item():.4g}", "must be finite",
                                "lower it: --set optim.lr=...; the last checkpoint stays")  # fmt: skip
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.vae, self.step)
        self.step += 1
        return {**{k: v.item() for k, v in found.items()}, "lr": self.optimizer.param_groups[0]["lr"]}

    def tensors(self) -> dict[str, Tensor]:
        """What a resume needs beside the step."""
        parts = {"model": self.vae.state_dict(), "ema": self.ema.state}
        named = {f"{part}/{k}": v for part, state in parts.items() for k, v in state.items()}
        return {**named, **{f"optimizer/{k}": v for k, v in optimizer_tensors(self.vae, self.optimizer).items()}}

    def load(self, path: Path) -> None:
        """Take up what `save` wrote. Raises InputError for a damaged file."""
        stored, metadata = checkpoint.read_tensors(path)
        ours = self.tensors()
        checkpoint.refuse_other(
            {k: tuple(v.shape) for k, v in ours.items()}, {k: tuple(v.shape) for k, v in stored.items()}, str(path)
        )
        for name, tensor in ours.items():
            tensor.data.copy_(stored[name])
        self.step = int(metadata["step"])

    @torch.no_grad()
    def codec(self, out: Path) -> KLCodec:
        """The averaged autoencoder as a codec whose latents have mean 0 and deviation 1 on the corpus's own crops."""
        vae = new_autoencoder(self.config)
        vae.load_state_dict({k: v.cpu() for k, v in self.ema.state.items()})
        vae.eval()
        crops = torch.stack([self.crop(n) for n in range(MEASURED_CROPS)])
        z = torch.cat([vae.encode(part * 2 - 1).latent_dist.mean for part in torch.split(crops, 8)])
        vae.register_to_config(scaling_factor=1 / z.std().item(), shift_factor=z.mean().item())
        return KLCodec(f"kl:{out}", vae)

    def save(self, out: Path, codec: KLCodec) -> None:
        """Both files of the state and those of diffusers, each whole or not at all. Raises StorageError."""
        new = out / ".new"
        with storage_errors(str(out)):
            shutil.rmtree(new, ignore_errors=True)
            codec.vae.save_pretrained(new)
            checkpoint.write_tensors(new / STATE, self.tensors(), {"step": str(self.step)})
            # The configuration last: what it describes is there by then.
            for path in sorted(new.iterdir(), key=lambda p: p.name == CONFIG):
                checkpoint.fsync(path)
                os.replace(path, out / path.name)
            new.rmdir()


def new_autoencoder(config: CodecConfig) -> Any:
    """A freshly initialised AutoencoderKL; its weights follow from the seed alone."""
    import diffusers

    levels = config.factor.bit_length()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("codec", config.seed) >> 1)
        vae = diffusers.AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * levels,
            up_block_types=["UpDecoderBlock2D"] * levels,
            block_out_channels=[config.width * WIDENING[min(i, len(WIDENING) - 1)] for i in range(levels)],
            layers_per_block=config.layers,
            latent_channels=config.channels,
            norm_num_groups=max(1, config.width // GROUP_CHANNELS),
            sample_size=config.data.crop_px,
            # Attention over the whole picture: its cost grows with the square of the size, and fitting needs none.
            mid_block_add_attention=False,
        )
    # At first latents say more than their noise hides, or hundreds of steps go by before anything is learnt.
    with torch.no_grad():
        vae.quant_conv.weight[config.channels :] = 0
        vae.quant_conv.bias[config.channels :] = FIRST_LOGVAR
    return vae


def steps_for(minutes: float, config: CodecConfig, corpus: CorpusReader, device: str) -> int:
    """How many steps fit in `minutes`: a throwaway trainer is timed."""
    trial = CodecTrainer(config.model_copy(update={"steps": 1_000_000}), corpus, device)
    begin = start = time.perf_counter()
    while trial.step < WARM_STEPS + TIMED_STEPS or time.perf_counter() - begin < 60 * minutes * TIMED_SHARE:
        if trial.step == WARM_STEPS:
            start = time.perf_counter()
        trial.advance(trial.batch(trial.step))
    now = time.perf_counter()
    return max(10, int((60 * minutes - (now - begin)) * (trial.step - WARM_STEPS) / (now - start)))


def train_codec(
    config: CodecConfig, out: Path, corpus: CorpusReader, *, device: str = "cpu", quiet: bool = False
) -> dict[str, Any]:
    """Fit, or go on fitting, the codec of the folder `out` to its last step; what is known of it then.

    Raises ConfigMismatchError when `out` holds another, TrainingError when losses are not finite, StoppedError after
    Ctrl-C or SIGTERM (saved), StorageError when `out` cannot be written.
    """
    with storage_errors(str(out)):
        out.mkdir(parents=True, exist_ok=True)
    stored = continued(out / TRAINING, config, str(out))
    if stored:
        config = stored
    elif config.steps is None:
        config = config.model_copy(update={"steps": steps_for(config.minutes or 3.0, config, corpus, device)})
    trainer, total = CodecTrainer(config, corpus, device), config.steps or 0
    if (out / STATE).is_file():
        trainer.load(out / STATE)
    checkpoint.write_atomic(out / TRAINING, config.model_dump_json(indent=2))
    with (
        Diary(out, trainer.step, config, quiet) as diary,
        Stop() as stop,
        contextlib.closing(trainer.batches()) as batches,
    ):
        for batch in batches:
            done = trainer.advance(batch)
            step = trainer.step
            diary.note(step, done.pop("loss"))
            if step % config.log_every == 0 or step == total:
                diary.write(step, done)
            stopped = step < total and stop.asked is not None
            if stopped or step == total or step % config.checkpoint_every == 0:
                trainer.save(out, trainer.codec(out))
            if stopped:
                raise stop.error(step, total)
    return {
        "codec": f"kl:{out}",
        "steps": trainer.step,
        **facts(trainer.codec(out), corpus, config.data.short_side_px[1]),
    }


def facts(codec: Codec, corpus: CorpusReader, most_px: int) -> dict[str, Any]:
    """Size and ceiling of a codec on the held-out clean pictures of a corpus."""
    each = reconstruction_db(codec, corpus, most_px)
    known: dict[str, Any] = {"channels": codec.channels, "factor": codec.factor}
    if isinstance(codec, KLCodec):
        known["parameters"] = sum(p.numel() for p in codec.vae.parameters())
        known["scaling_factor"] = float(codec.scale_C.mean())
    return {
        **known,
        "held_out_pictures": len(each),
        "reconstruction_psnr_db": round(float(np.mean(each)), 2),
        "worst_psnr_db": round(min(each), 2),
    }
