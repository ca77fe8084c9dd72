"""Which device is planned for."""

from types import SimpleNamespace

import pytest
import torch

from vqathinker.planning.devices import DEVICES, choose_device


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA A100-SXM4-40GB", "A100-80G"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA RTX A6000", "A100-40G"),
    ],
)
def test_the_gpu_that_is_here_has_its_own_memory_and_the_speed_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, told: str, kind: str
) -> None:
    properties = SimpleNamespace(name=told, total_memory=12_345)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    found = choose_device(None, None, gpu=True)
    assert found.memory == 12_345
    assert found.name.startswith(told)
    assert ("taken for" in found.name) is (told == "NVIDIA RTX A6000")
    assert (found.single, found.link) == (DEVICES[kind].single, DEVICES[kind].link)


def test_memory_that_is_named_takes_the_place_of_the_device_s_own() -> None:
    assert choose_device("H100", 40, gpu=True).memory == 40_000_000_000
