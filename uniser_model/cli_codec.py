"""`uniser codec` and `uniser cache`: light here, everything heavy is imported when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

codec_app = typer.Typer(
    pretty_exceptions_enable=False, no_args_is_help=True, help="Codecs: fit one to a corpus, see what one can reach."
)

Data = Annotated[str, typer.Option(help="corpus folder or URI, as `uniser corpus build` writes it")]
Set = Annotated[list[str] | None, typer.Option("--set", help="any other field: data.crop_px=256, optim.lr=0.0005")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …; auto: a GPU where there is one")]
Json = Annotated[bool, typer.Option("--json", help="print what is known as JSON")]


def _device(name: str) -> str:
    from uniser_model.commands import check_device
    from uniser_model.world import pick_device

    name = pick_device(name)
    check_device(name)
    return name


@codec_app.command("train")
def codec_train(
    data: Data,
    out: Annotated[str, typer.Option(help="folder of the codec, then kl:OUT; the same command again goes on")],
    steps: Annotated[int | None, typer.Option(help="optimizer steps")] = None,
    minutes: Annotated[float | None, typer.Option(help="instead of --steps: as many as fit, timed at first")] = None,
    channels: Annotated[int | None, typer.Option(help="of the latents; default 4")] = None,
    factor: Annotated[int | None, typer.Option(help="the picture's side over the latents': 2, 4, 8, …; 8")] = None,
    width: Annotated[int | None, typer.Option(help="channels of the first layer; default 32")] = None,
    seed: Annotated[int, typer.Option(help="weights, order and every draw follow from it")] = 0,
    set_: Set = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Fit a small AutoencoderKL to a corpus's clean pictures, and print its reconstruction PSNR: the ceiling."""
    from pathlib import Path

    from uniser_core.corpus import Corpus
    from uniser_core.errors import InputError
    from uniser_core.output import print_facts

    from uniser_model.codec_config import CodecConfig
    from uniser_model.codec_train import train_codec
    from uniser_model.commands import corpus_identity
    from uniser_model.config import set_field, validated

    if (steps is None) == (minutes is None):
        raise InputError("--steps and --minutes", "give one of them", "for instance --minutes 10")
    values: dict[str, Any] = CodecConfig(data_uri=data, seed=seed).model_dump(mode="json")
    for assignment in set_ or []:
        set_field(values, assignment)
    given = {"steps": steps, "minutes": minutes, "channels": channels, "factor": factor, "width": width}
    values |= {k: v for k, v in given.items() if v is not None}
    validated(CodecConfig, values, "uniser codec train")  # bad settings are told before the corpus is read
    corpus = Corpus.open(data)
    config = validated(CodecConfig, {**values, "corpus_id": corpus_identity(corpus)}, "uniser codec train")
    print_facts(train_codec(config, Path(out), corpus, device=_device(device), quiet=as_json), as_json)


@codec_app.command("check")
def codec_check(
    codec: Annotated[str, typer.Argument(help="pixel, or kl:ID_OR_FOLDER", metavar="CODEC")],
    data: Data,
    short_side_px: Annotated[int, typer.Option(help="larger pictures are shrunk to it")] = 512,
    as_json: Json = False,
) -> None:
    """Print what a codec can reach on a corpus's held-out clean pictures: no model on it gets further."""
    from uniser_core.corpus import Corpus
    from uniser_core.output import print_facts

    from uniser_model.codec import get_codec
    from uniser_model.codec_train import facts

    print_facts({"codec": codec, **facts(get_codec(codec), Corpus.open(data), short_side_px)}, as_json)


cache_app = typer.Typer(pretty_exceptions_enable=False)


@cache_app.callback(
    invoke_without_command=True, subcommand_metavar="", context_settings={"allow_interspersed_args": True}
)
def cache(
    preset: Annotated[str, typer.Argument(help="demo, S, B, L or XL, as for `uniser train`", metavar="PRESET")],
    data: Data,
    out: Annotated[str, typer.Option(help="folder of the latents; the same command again goes on")],
    views: Annotated[int, typer.Option(min=1, help="crops, flips, masks and prompts of each row")] = 4,
    codec: Annotated[str | None, typer.Option(help="kl:ID_OR_FOLDER")] = None,
    text: Annotated[str | None, typer.Option(help="minilm, or a hub id or folder of T5, UMT5, CLIP, BERT")] = None,
    seed: Annotated[int, typer.Option(help="of the training that will read them")] = 0,
    set_: Set = None,
    shard: Annotated[str | None, typer.Option(help="i/n: make only this part of the files (farms)")] = None,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print how large it will be; write nothing")] = False,
    as_json: Json = False,
) -> None:
    """Encode a corpus once, for `uniser train` with the same settings and --set data.latent_cache=OUT."""
    from pathlib import Path

    from uniser_core.cli_synth import parse_shard
    from uniser_core.corpus import Corpus
    from uniser_core.output import print_facts

    from uniser_model.commands import corpus_identity, make_config

    # The steps do not matter to what a sample is; the objective is one that works in latents.
    fixed = {"steps": 1, "objective": "flow", "codec": codec, "text": text, "seed": seed}
    make_config(preset, data, "", fixed, set_ or [])
    corpus = Corpus.open(data)
    config = make_config(preset, data, corpus_identity(corpus), fixed, set_ or [])
    from uniser_model.latent_cache import LatentWriter, make_cache

    if dry_run:
        writer = LatentWriter(config, corpus, Path(out), views)
        parts = writer.parts()
        facts = {"views": sum(len(p.places) for p in parts), "files": len(parts), "gb": writer.bytes_needed() / 1e9}
        print_facts(facts, as_json)
        return
    part = parse_shard(shard) or (0, 1)
    print_facts(
        make_cache(config, corpus, Path(out), views, device=_device(device), quiet=as_json, shard=part), as_json
    )
