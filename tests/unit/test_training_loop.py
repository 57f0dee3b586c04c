# SPDX-License-Identifier: Apache-2.0
"""The training loop on a drawn set, a few tiny iterations from end to end."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from engine_server.network import LITE, XMem
from shared.errors import BadWeights
from training import plot, train
from training.data import load_shots, load_stills
from training.depthwise import quicken_depthwise
from training.drawn import draw_training_set
from training.export import export
from training.loop import LoopConfig, Trainer
from training.loss import hardest_share, mean_iou, segmentation_loss
from training.pretrained import load_trunk, pretrained_file
from training.sampler import ClipSampler, SamplerConfig
from training.step import predict

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_training_set(tmp_path_factory.mktemp("drawn"))


def trainer(
    drawn: Path, out: Path, iterations: int, *, pretrained: bool = False, **changes: float
) -> Trainer:
    shots = load_shots(drawn)
    sampler = ClipSampler(shots, load_stills(drawn), SamplerConfig(size=64, clips=2, frames=3))
    config = LoopConfig(iterations=iterations, log_every=2, warm_up=2, **changes)  # type: ignore[arg-type]
    return Trainer(XMem(LITE), sampler, shots[:1], out, config, pretrained=pretrained)


def stop_at(run: Trainer, iteration: int) -> None:
    run.run(stop=lambda: run.iteration >= iteration)


def weights(run: Trainer) -> Tensor:
    return torch.cat([value.flatten().float() for value in run.average.state_dict().values()])


def test_training_learns_the_drawn_set(drawn: Path, tmp_path: Path) -> None:
    run = trainer(drawn, tmp_path, 60, pretrained=True, average=0.8, hardest=1.0)
    run.sampler.config = replace(run.sampler.config, video_share=1.0, object_odds=(1.0,))
    run.run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    ious = [line["iou"] for line in lines if "iou" in line]
    assert sum(ious[-5:]) > 5 * 0.3 > sum(ious[:5])
    assert lines[-1]["held_out"]["k3"] > 0.5
    assert run.progress == 1


def test_a_stopped_run_goes_on_as_if_never_stopped(drawn: Path, tmp_path: Path) -> None:
    whole = trainer(drawn, tmp_path / "whole", 6)
    whole.run()
    stop_at(trainer(drawn, tmp_path / "parts", 6), 3)
    resumed = trainer(drawn, tmp_path / "parts", 6)
    assert resumed.iteration == 3
    resumed.run()
    assert torch.allclose(weights(whole), weights(resumed), atol=1e-5)


def test_a_checkpoint_of_another_architecture_is_refused(drawn: Path, tmp_path: Path) -> None:
    torch.save({"architecture": "xmem"}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadWeights, match=r"holds a network 'xmem', not 'lite'\."):
        trainer(drawn, tmp_path, 2)


def test_the_command_trains_and_refuses(drawn: Path, tmp_path: Path) -> None:
    size = ["--size", "64", "--clips", "1", "--frames", "2", "--untrained-trunk"]
    command = ["--data", str(drawn), "--out", str(tmp_path / "out"), "--iterations", "2", *size]
    assert train.main([*command, "--hold-out", "shot0"]) == 0
    assert (tmp_path / "out" / "checkpoint.pt").exists()
    assert train.main(["--data", str(tmp_path / "none"), "--out", str(tmp_path), *size]) == 1


def test_exported_weights_are_the_average_in_half_precision(drawn: Path, tmp_path: Path) -> None:
    run = trainer(drawn, tmp_path, 2)
    run.run()
    metadata = export(run.checkpoint, tmp_path / "lite.safetensors", licence="test")
    assert metadata["architecture"] == "lite"
    with safe_open(tmp_path / "lite.safetensors", "pt") as stored:
        assert stored.metadata() == metadata
        state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    assert state["decoder.pred.weight"].dtype == torch.float16
    fresh = XMem(LITE)
    fresh.load_state_dict(state)
    assert torch.allclose(fresh.decoder.pred.weight, run.average.decoder.pred.weight, atol=1e-3)


def test_exported_weights_may_be_the_mean_of_two_runs(drawn: Path, tmp_path: Path) -> None:
    first, second = (trainer(drawn, tmp_path / str(steps), steps) for steps in (1, 3))
    for run in (first, second):
        run.run()
    out = tmp_path / "lite.safetensors"
    metadata = export(second.checkpoint, out, licence="test", other=first.checkpoint)
    assert metadata["iterations"] == "3"
    with safe_open(out, "pt") as stored:
        found = stored.get_tensor("decoder.pred.weight").float()
    here, there = (run.average.decoder.pred.weight for run in (first, second))
    assert not torch.allclose(here, there, atol=1e-4)
    assert torch.allclose(found, (here + there) / 2, atol=1e-3)


def test_export_refuses_what_does_not_fit(tmp_path: Path) -> None:
    torch.save({"architecture": "other", "average": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadWeights, match="does not hold a network 'other'"):
        export(tmp_path / "checkpoint.pt", tmp_path / "x.safetensors", licence="")


def test_the_trunk_learns_only_after_its_first_tenth(drawn: Path, tmp_path: Path) -> None:
    run = trainer(drawn, tmp_path, 10)
    late = run.model.key_encoder.stages["16"][0]
    early = run.model.key_encoder.stages["4"]
    before, first = (copy.deepcopy(block.state_dict()) for block in (late, early))
    stop_at(run, 1)
    assert all(torch.equal(v, before[k]) for k, v in late.state_dict().items())
    stop_at(run, 3)
    assert not all(torch.equal(v, before[k]) for k, v in late.state_dict().items())
    assert all(torch.equal(v, first[k]) for k, v in early.state_dict().items()), "never trained"


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 5)])
def test_the_quick_depthwise_gradient_is_the_gradient(stride: int, kernel: int) -> None:
    conv = nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False)
    quick = copy.deepcopy(conv)
    assert quicken_depthwise(quick) == 1
    x = torch.randn(2, 8, 9, 9)
    grads = []
    for layer in (conv, quick):
        copied = x.clone().requires_grad_()
        layer(copied).square().sum().backward()
        assert copied.grad is not None
        assert layer.weight.grad is not None
        grads.append((copied.grad, layer.weight.grad))
    for expected, found in zip(*grads, strict=True):
        assert torch.allclose(expected, found, atol=1e-4)


def test_a_copied_layer_is_quick_with_its_own_weights() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    quicken_depthwise(conv)
    other = copy.deepcopy(conv)
    nn.init.zeros_(other.weight)
    assert other(torch.ones(1, 4, 5, 5)).abs().max() == 0


def test_a_memorised_query_changes_only_what_comes_after_it() -> None:
    torch.manual_seed(2)
    model = XMem(LITE).eval()
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (2, 4, 64, 64, 3), np.uint8)
    masks = np.zeros((2, 4, 1, 64, 64), np.uint8)
    masks[:, :, :, 10:50, 20:40] = 255
    with torch.no_grad():
        plain = predict(model, frames, masks, 2).logits
        told = predict(model, frames, masks, 2, memorise=True).logits
    assert plain.shape == told.shape == (4, 1, 64, 64)
    torch.testing.assert_close(plain[:2], told[:2], atol=0.05, rtol=0.05)
    assert not torch.allclose(plain[2:], told[2:], atol=1e-4)


def test_the_loss_falls_towards_the_truth() -> None:
    targets = (torch.rand(2, 2, 16, 16) > 0.5).float()
    targets[:, 1] *= 1 - targets[:, 0]
    right, wrong = (targets * 2 - 1) * 8, (1 - targets * 2) * 8
    blank = torch.zeros_like(right)
    losses = [segmentation_loss(logits, targets, 0.5) for logits in (right, blank, wrong)]
    assert losses[0] < 0.05 < losses[1] < losses[2]
    assert mean_iou(right, targets) == 1
    assert [hardest_share(p) for p in (0.0, 0.1, 0.5, 1.0)] == pytest.approx([1, 1, 0.15, 0.15])


def test_the_pretrained_trunk_gives_the_published_features() -> None:
    """Against a forward pass written from the published names alone."""
    published = torch.load(pretrained_file(), weights_only=True)
    model = XMem(LITE).eval()
    load_trunk(model, published)
    picture = model.normalise(torch.randint(0, 256, (1, 3, 64, 64)))
    with torch.no_grad():
        ours = model.key_encoder.stem(picture)
        for stage in model.key_encoder.stages.values():
            ours = stage(ours)
        assert torch.allclose(ours, lite0_to_block_10(published, picture), atol=1e-3)


def test_a_trunk_of_another_shape_is_refused() -> None:
    published = torch.load(pretrained_file(), weights_only=True)
    published["_blocks.3._project_conv.weight"] = torch.zeros(1, 1, 1, 1)
    with pytest.raises(BadWeights, match=r"_blocks\.3\._project_conv"):
        load_trunk(XMem(LITE), published)


def lite0_to_block_10(w: dict[str, Tensor], x: Tensor) -> Tensor:
    x = norm(w, filtered(w, x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    for i in range(11):
        p, y, stride = f"_blocks.{i}.", x, 2 if i in (1, 3, 5) else 1
        if i:
            y = norm(w, filtered(w, y, p + "_expand_conv"), p + "_bn0").clamp(0, 6)
        y = norm(w, filtered(w, y, p + "_depthwise_conv", stride, y.shape[1]), p + "_bn1").clamp(
            0, 6
        )
        y = norm(w, filtered(w, y, p + "_project_conv"), p + "_bn2")
        x = x + y if x.shape == y.shape else y
    return x


def filtered(
    w: dict[str, Tensor], x: Tensor, name: str, stride: int = 1, groups: int = 1
) -> Tensor:
    kernel = w[name + ".weight"]
    extra = kernel.shape[-1] - stride  # of an even side; TensorFlow pads the end more
    x = F.pad(x, (extra // 2, extra - extra // 2) * 2)
    return F.conv2d(x, kernel, None, stride, groups=groups)


def norm(w: dict[str, Tensor], x: Tensor, name: str) -> Tensor:
    mean, var = w[name + ".running_mean"], w[name + ".running_var"]
    return F.batch_norm(x, mean, var, w[name + ".weight"], w[name + ".bias"], eps=1e-3)


def test_the_course_of_a_run_is_drawn(drawn: Path, tmp_path: Path) -> None:
    trainer(drawn, tmp_path, 4).run()
    assert plot.main([str(tmp_path / "log.jsonl"), str(tmp_path / "course.png")]) == 0
    assert (tmp_path / "course.png").stat().st_size > 1000
    assert plot.smooth([1.0, 3.0, 5.0], 3) == pytest.approx([2, 3, 4])
