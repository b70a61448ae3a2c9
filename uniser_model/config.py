"""A training run's configuration: what `config.json` of a run folder holds, and what resume compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from uniser_core.documents import read_yaml
from uniser_core.errors import ConfigMismatchError, InputError

if TYPE_CHECKING:
    from pathlib import Path


class Strict(BaseModel):
    """Values that are fixed once made, and no others than the fields say."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# The size of the network, which with a backbone is its own.
_SIZE = ("width", "depth", "heads", "refiner")


class ModelConfig(Strict):
    """The transformer: our own of the given size, or a pretrained `backbone`; `patch` latent pixels a side a token.

    `backbone` is KIND:ID_OR_FOLDER (`uniser_model.backbones`); `width`, `depth` and `heads` are then its own.
    `base_id` is the fingerprint of its weights, filled in when a run begins.
    """

    width: int = Field(128, gt=0)
    depth: int = Field(4, gt=0)
    heads: int = Field(4, gt=0)
    patch: int = Field(2, gt=0)
    refiner: int = Field(
        0, ge=0, description="finest width of the pyramid around the transformer, of objective anchored alone; 0: none"
    )
    backbone: str | None = None
    base_id: str = ""
    lora_rank: int | None = Field(
        None, ge=0, description="None: all weights are trained; 0: new parts alone; else those and adapters of the rank"
    )
    lora_alpha: float | None = Field(None, gt=0, description="adapters' scale times their rank; default: the rank")
    lora_targets: tuple[str, ...] = Field((), description="names of linear layers; default: attention, feed-forward")
    base_dtype: Literal["fp32", "bf16"] = Field("fp32", description="of the backbone's weights that are not trained")

    @model_validator(mode="before")
    @classmethod
    def _size_is_the_backbones(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("backbone"):
            return {k: v for k, v in values.items() if k not in _SIZE}
        return values

    @model_validator(mode="after")
    def _backbone_fits(self) -> ModelConfig:
        if self.backbone is None and (self.lora_rank is not None or self.base_dtype != "fp32"):
            raise ValueError("adapters and frozen weights need a backbone to begin with")
        if self.lora_rank is None and self.base_dtype != "fp32":
            raise ValueError("weights that are trained stay fp32: bf16 goes with lora_rank")
        if self.width % self.heads or (self.width // self.heads) % 2 or self.width // self.heads < 16:
            raise ValueError(f"width {self.width} over {self.heads} heads must be an even number of at least 16")
        if self.refiner and self.patch & (self.patch - 1):
            raise ValueError(f"patch {self.patch} must be a power of two where there is a refiner")
        return self


class SupervisionConfig(Strict):
    """Shares of the draws in [0, 1]. What is neither `whole` nor `empty` gets a random shape.

    `paraphrases` may be given as a YAML file, or as `default` (the one that comes along); it is read once, and the
    prompts themselves are kept: what a run was told does not change when the file does.
    """

    whole: float = Field(0.25, ge=0, le=1)
    empty: float = Field(0.05, ge=0, le=1)
    full_strength: float = Field(0.2, ge=0, le=1)
    generic: float = Field(0.3, ge=0, le=1)
    no_prompt: float = Field(0.0, ge=0, le=1, description="an empty prompt, of both tasks: what guidance needs")
    add: float = Field(0.1, ge=0, le=1)
    identity: float = Field(0.05, ge=0, le=1)
    soft: bool = Field(True, description="targets fade over the mask's soft edge; false: cut at the mask")
    paraphrases: dict[str, tuple[str, ...]] | None = Field(
        None, description="EFFECT -> prompts that remove it, 'add EFFECT' -> prompts that add it"
    )
    paraphrased: float = Field(0.5, ge=0, le=1, description="share of prompts that are said in other words")

    @field_validator("paraphrases", mode="before")
    @classmethod
    def _read_file(cls, value: Any) -> Any:
        from uniser_model.paraphrases import checked, read_paraphrases

        if isinstance(value, str):
            return read_paraphrases(value)
        return None if value is None else checked(value, "supervision.paraphrases")

    @model_validator(mode="after")
    def _shares_fit(self) -> SupervisionConfig:
        if self.whole + self.empty > 1:
            raise ValueError(f"whole {self.whole} + empty {self.empty} must be at most 1")
        if self.generic + self.no_prompt > 1:
            raise ValueError(f"generic {self.generic} + no_prompt {self.no_prompt} must be at most 1")
        return self


class DataConfig(Strict):
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
    fresh: bool = Field(False, description="recipe rows are drawn anew each time they are seen")
    latent_cache: str | None = Field(None, description="folder of `uniser cache`: latents and text instead of pictures")
    latent_draw: bool = Field(False, description="cached targets drawn from the codec's distribution, not its mean")
    shuffle_window: int = Field(
        0, ge=0, description="samples mixed at a time, variants of a picture near each other; 0 mixes the whole epoch"
    )
    most_bad_rows: int = Field(100, ge=0, description="rows that cannot be read are skipped, up to so many")

    @model_validator(mode="after")
    def _crop_fits(self) -> DataConfig:
        low, high = self.short_side_px
        if not self.crop_px <= low <= high:
            raise ValueError(f"short_side_px {low}..{high} must rise and be at least crop_px {self.crop_px}")
        if self.fresh and self.latent_cache:
            raise ValueError("fresh rows have no cached latents: leave one out")
        return self


class OptimConfig(Strict):
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


class ComputeConfig(Strict):
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


class WatchConfig(Strict):
    """What is looked at meanwhile, on the averaged weights; 0 steps: never."""

    validate_every: int = Field(1000, ge=0)
    validation_pairs: int = Field(16, gt=0, description="held-out pairs, spread over the effects")
    sheet_every: int = Field(1000, ge=0)
    sheet_pairs: int = Field(6, gt=0)
    wandb: str | None = Field(None, description="project of Weights & Biases to log to as well")


class RunConfig(Strict):
    """What every run that fits something has. `steps` is fixed before the first step, also under `--minutes`."""

    data_uri: str
    corpus_id: str = ""
    split: str = "train"
    seed: int = Field(0, ge=0)
    steps: int | None = Field(None, gt=0)
    minutes: float | None = Field(None, gt=0)
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    watch: WatchConfig = WatchConfig()
    checkpoint_every: int = Field(200, gt=0)
    log_every: int = Field(10, gt=0)

    # How the work is done and watched, not what is learnt.
    free: ClassVar[frozenset[str]] = frozenset({"watch", "checkpoint_every", "log_every"})

    def learnt_from(self) -> dict[str, Any]:
        """The fields that the weights follow from: what must be the same when a run goes on."""
        return self.model_dump(mode="json", exclude=set(self.free))


class TrainConfig(RunConfig):
    """Everything that the weights follow from."""

    preset: str = "demo"
    objective: str = "anchored"
    codec: str = "pixel"
    text: str = "minilm"
    pure_noise: float = Field(0.5, ge=0, le=1, description="share of draws at t = 1")
    loss_weight: Literal["even", "relative"] = Field(
        "relative", description="relative (anchored, x0): a sample's loss is divided by its input's squared error"
    )
    loss_floor: float = Field(1e-3, gt=0, description="relative: added to that error; 1e-3 is an input of 30 dB")
    model: ModelConfig = ModelConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    compute: ComputeConfig = ComputeConfig()
    keep: int = Field(2, gt=0, description="checkpoints that stay, the newest")

    free: ClassVar[frozenset[str]] = RunConfig.free | {"compute", "keep"}


Config = TypeVar("Config", bound=Strict)
Run = TypeVar("Run", bound=RunConfig)


def validated(kind: type[Config], values: dict[str, Any], command: str) -> Config:
    """A configuration of `kind`; raises InputError naming the field, its value and the rule it breaks."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        if first["type"] == "extra_forbidden":
            rule = "it is no field of the configuration"
            raise InputError(f"unknown setting '{name}'", rule, f"see {command} --help") from None
        rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        raise InputError(f"{name}={first.get('input')!r}", rule, "choose a value in the range") from None


def build_config(values: dict[str, Any]) -> TrainConfig:
    """Validate; raises InputError naming the field, its value and the rule it breaks."""
    return validated(TrainConfig, values, "uniser train")


def set_field(values: dict[str, Any], assignment: str) -> None:
    """Apply one `--set a.b=value` (YAML value) to nested values, in place. Raises InputError on bad syntax."""
    path, equals, text = assignment.partition("=")
    if not equals or not all(path.split(".")):
        raise InputError(f"--set {assignment}", "must be field=value", "for instance --set optim.lr=0.0005")
    set_value(values, path, read_yaml(text, f"--set {assignment}"))


def set_value(values: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b` in nested values, in place. Raises InputError when `a` has no fields."""
    *parents, leaf = path.split(".")
    for name in parents:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {path}={value}", f"'{name}' has no fields", "see uniser train --help")
    values[leaf] = value


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


def continued(path: Path, asked: Run, where: str) -> Run | None:
    """The configuration with which the run whose own is at `path` goes on, or None when there is none yet.

    Raises ConfigMismatchError naming what differs of what its weights follow from.
    """
    if not path.is_file():
        return None
    stored = type(asked).model_validate_json(path.read_text())
    asked = asked if asked.steps is not None else asked.model_copy(update={"steps": stored.steps})
    lines = differences(stored.learnt_from(), asked.learnt_from())
    if lines:
        raise ConfigMismatchError(f"{where} holds another run", "; ".join(lines), "choose another --out")
    return asked
