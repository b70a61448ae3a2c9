"""A training run's configuration: what `config.json` of a run folder holds, and what resume compares."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from uniser_core.errors import InputError


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelConfig(_Strict):
    """Size of the transformer; `patch` latent pixels a side make one token."""

    width: int = Field(128, gt=0)
    depth: int = Field(4, gt=0)
    heads: int = Field(4, gt=0)
    patch: int = Field(2, gt=0)

    @model_validator(mode="after")
    def _heads_fit(self) -> ModelConfig:
        if self.width % self.heads or (self.width // self.heads) % 2 or self.width // self.heads < 16:
            raise ValueError(f"width {self.width} over {self.heads} heads must be an even number of at least 16")
        return self


class SupervisionConfig(_Strict):
    """Shares of the draws in [0, 1]. What is neither `whole` nor `empty` gets a random shape."""

    whole: float = Field(0.25, ge=0, le=1)
    empty: float = Field(0.05, ge=0, le=1)
    full_strength: float = Field(0.2, ge=0, le=1)
    generic: float = Field(0.3, ge=0, le=1)
    add: float = Field(0.1, ge=0, le=1)
    identity: float = Field(0.05, ge=0, le=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> SupervisionConfig:
        if self.whole + self.empty > 1:
            raise ValueError(f"whole {self.whole} + empty {self.empty} must be at most 1")
        return self


class DataConfig(_Strict):
    """Crops of `crop_px` (height = width) out of pictures resized to a short side drawn from `short_side_px`."""

    crop_px: int = Field(128, gt=0)
    buckets_px: tuple[tuple[int, int], ...] = Field(
        (), description="crops (width, height) instead of the square: a step's samples share the one that fits them"
    )
    batch: int = Field(4, gt=0, description="samples that one step learns from, over all ranks and micro-batches")
    short_side_px: tuple[int, int] = (128, 320)
    flip: bool = True
    thin: float = Field(0.0, ge=0, le=1, description="share of pairs whose effect is made a random part as strong")
    exposure_ev: float = Field(0.0, ge=0, le=3, description="both pictures darkened by up to so many stops")
    tint: float = Field(0.0, ge=0, le=1, description="both pictures' channels scaled by up to exp(+-tint)")
    cache_mb: int = Field(2048, ge=0)
    most_bad_rows: int = Field(100, ge=0, description="rows that cannot be read are skipped, up to so many")

    @model_validator(mode="after")
    def _crop_fits(self) -> DataConfig:
        low, high = self.short_side_px
        if not self.crop_px <= low <= high:
            raise ValueError(f"short_side_px {low}..{high} must rise and be at least crop_px {self.crop_px}")
        return self


class OptimConfig(_Strict):
    """AdamW (Loshchilov & Hutter 2019), its schedule, clipping over all weights, and the averages of the weights.

    `ema` is the decay of the exponential average that is used; `ema_power` are relative widths of averages of power
    functions (Karras et al. 2024) kept beside it. `wsd` is warm-up, stable, decay over the last `decay_share`.
    """

    lr: float = Field(1e-3, gt=0)
    schedule: Literal["cosine", "constant", "wsd"] = "cosine"
    final_lr: float = Field(0.02, ge=0, le=1, description="share of lr at the last step")
    decay_share: float = Field(0.2, gt=0, le=1, description="wsd: share of the steps in which lr falls")
    warmup_steps: int = Field(50, ge=0)
    beta_1: float = Field(0.9, ge=0, lt=1)
    beta_2: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.99, ge=0, lt=1)
    ema_power: tuple[float, ...] = ()
    most_skips: int = Field(10, gt=0, description="steps in a row whose loss or gradient is not finite")

    @model_validator(mode="after")
    def _widths_exist(self) -> OptimConfig:
        for width in self.ema_power:
            if not 0 < width < 0.28:
                raise ValueError(f"relative width {width} must be above 0 and below 0.28 (an even average)")
        return self


class ComputeConfig(_Strict):
    """How the work is done, not what is learnt: all of it may change when a run goes on.

    `parallel`: `ddp` keeps a whole copy on each rank, `fsdp` spreads it over all ranks, `hsdp` over groups of
    `shard_ranks` (default: those of one node); `auto` is ddp, or fsdp from 300 million weights on.
    """

    parallel: Literal["auto", "ddp", "fsdp", "hsdp"] = "auto"
    shard_ranks: int | None = Field(None, gt=0)
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 on a GPU; weights stay fp32")
    compile: bool = Field(False, description="torch.compile on each block")
    checkpointing: Literal["none", "selective", "full"] = Field("none", description="activations worked out again")
    accumulate: int = Field(1, gt=0, description="micro-batches that a rank's share of a step is cut into")
    workers: int = Field(0, ge=0, description="processes that prepare samples; 0: a thread")
    ahead: int = Field(2, gt=0, description="steps prepared ahead, by each worker")
    peak_tflops: float | None = Field(None, gt=0, description="of the card, for the MFU; default: what is known of it")


class WatchConfig(_Strict):
    """What is looked at meanwhile, on the averaged weights; 0 steps: never."""

    validate_every: int = Field(1000, ge=0)
    validation_pairs: int = Field(16, gt=0, description="held-out pairs, spread over the effects")
    sheet_every: int = Field(1000, ge=0)
    sheet_pairs: int = Field(6, gt=0)
    wandb: str | None = Field(None, description="project of Weights & Biases to log to as well")


class TrainConfig(_Strict):
    """Everything that the weights follow from. `steps` is fixed before the first step, also under `--minutes`."""

    preset: str = "demo"
    data_uri: str
    corpus_id: str = ""
    split: str = "train"
    seed: int = Field(0, ge=0)
    steps: int | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    objective: str = "anchored"
    codec: str = "pixel"
    text: str = "minilm"
    pure_noise: float = Field(0.5, ge=0, le=1, description="share of draws at t = 1")
    loss_weight: Literal["even", "relative"] = Field(
        "relative", description="relative (anchored, x0): a sample's loss is divided by its input's squared error"
    )
    loss_floor: float = Field(1e-3, gt=0, description="relative: added to that error; 1e-3 is an input of 30 dB")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    optim: OptimConfig = OptimConfig()
    compute: ComputeConfig = ComputeConfig()
    watch: WatchConfig = WatchConfig()
    checkpoint_every: int = Field(200, gt=0)
    keep: int = Field(2, gt=0, description="checkpoints that stay, the newest")
    log_every: int = Field(10, gt=0)

    def learnt_from(self) -> dict[str, Any]:
        """The fields that the weights follow from: what must be the same when a run goes on."""
        return self.model_dump(mode="json", exclude={"compute", "watch", "checkpoint_every", "keep", "log_every"})


def build_config(values: dict[str, Any]) -> TrainConfig:
    """Validate; raises InputError naming the field, its value and the rule it breaks."""
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        if first["type"] == "extra_forbidden":
            raise InputError(
                f"unknown setting '{name}'", "it is no field of the configuration", "see uniser train --help"
            ) from None
        rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        raise InputError(f"{name}={first.get('input')!r}", rule, "choose a value in the range") from None


def set_field(values: dict[str, Any], assignment: str) -> None:
    """Apply one `--set a.b=value` (YAML value) to nested values, in place. Raises InputError on bad syntax."""
    import yaml

    path, equals, text = assignment.partition("=")
    if not equals or not all(path.split(".")):
        raise InputError(f"--set {assignment}", "must be field=value", "for instance --set optim.lr=0.0005")
    *parents, leaf = path.split(".")
    for name in parents:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {assignment}", f"'{name}' has no fields", "see uniser train --help")
    try:
        values[leaf] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {assignment}", "the value is not YAML", "quote it") from None


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """What differs between two nested configurations, as `field: old, now new`."""
    lines = []
    for key in sorted(set(old) | set(new)):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {a}, now {b}")
    return lines
