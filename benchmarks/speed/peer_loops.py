"""The training loops of other projects, run from clones of them on ganzoo's networks and images.

Each ``..._side`` function loads a project's code from a clone. It replaces the project's networks with ganzoo's, its
data set with the same images in memory, and its optimizer settings with ganzoo's Adam settings. The timed code is the
project's own: its data path, its steps, its reading of losses. Everything else is off: TensorBoard, sample images,
checkpoints, progress bars and scores. Each loop runs in its own process, which :class:`pairs.Side` starts.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from peer_material import Clock, InMemory, Material, loader
from stand_ins import Flags, Silent, imported_as, load, quiet_directory
from torch import Tensor
from torchvision import transforms
from training import Work

NEVER = 10**9  # the interval, in steps, at which a project logs, draws or saves
COLLECTIONS = "dcgan.py"
MIMICRY = "torch_mimicry/training/trainer.py"
LIGHTNING = "examples/pytorch/domain_templates/generative_adversarial_net.py"


def collections_side(work: Work, clone: Path, one_batch: bool) -> Callable[[float], float]:
    """Build ``train`` of pytorch-gan-collections' ``dcgan.py``, with the loss ``bce``. Return its measurement.

    Its generator step uses twice the batch size; with ``one_batch`` it uses the batch size.
    """
    material, flags = Material.of(work), Flags()
    absl = SimpleNamespace(flags=flags, app=Silent())
    with imported_as({"absl": absl, "tensorboardX": Silent(), "pytorch_gan_metrics": Silent()}):
        sys.path.insert(0, str(clone))
        module = load(clone / COLLECTIONS)
    given = flags.FLAGS
    given.batch_size = OneBatch(material.batch) if one_batch else material.batch
    given.z_dim, given.lr_G, given.lr_D, given.betas = material.latent_dim, material.lr, material.lr, material.betas
    given.loss, given.n_dis, given.total_steps, given.record = "bce", 1, NEVER, False
    given.sample_step = given.eval_step = NEVER
    module.device = material.device
    module.datasets = SimpleNamespace(CIFAR10=material.cifar10)
    module.net_G_models = {given.arch: lambda latent_dim: material.generator}
    module.net_D_models = {given.arch: lambda: material.discriminator}

    def measure(seconds: float) -> float:
        clock = Clock(seconds, material.device)
        module.trange = lambda *_, **__: Steps(clock)
        with quiet_directory() as directory:
            given.logdir = str(directory / "log")
            module.train()
        return clock.speed(material.batch)

    return measure


def mimicry_side(work: Work, clone: Path) -> Callable[[float], float]:
    """Build mimicry's ``Trainer`` with the ``train_step`` of its base classes and the loss ``ns``.

    Return its measurement.
    """
    material = Material.of(work)
    # The package's own __init__ would import its metrics, and with them TensorFlow.
    package = ModuleType("torch_mimicry")
    package.__path__ = [str(clone / "torch_mimicry")]
    with imported_as({"torch_mimicry": package, "torch.utils.tensorboard": Silent(), "skimage": Silent()}):
        gan = importlib.import_module("torch_mimicry.nets.gan.gan")
        trainer = importlib.import_module("torch_mimicry.training.trainer")
        data = importlib.import_module("torch_mimicry.datasets.data_utils")
    data.torchvision = SimpleNamespace(datasets=SimpleNamespace(CIFAR10=material.cifar10))  # type: ignore[attr-defined]

    class Generator(gan.BaseGenerator):  # type: ignore[misc, name-defined]
        def forward(self, latents: Tensor) -> Tensor:
            return self.network(latents)

    class Discriminator(gan.BaseDiscriminator):  # type: ignore[misc, name-defined]
        def forward(self, images: Tensor) -> Tensor:
            return self.network(images)

    generator = Generator(nz=material.latent_dim, ngf=0, bottom_width=0, loss_type="ns")
    discriminator = Discriminator(ndf=0, loss_type="ns")
    generator.network, discriminator.network = material.generator, material.discriminator
    optimizers = {"optG": material.adam(generator), "optD": material.adam(discriminator)}
    images = data.load_cifar10_dataset(root=".", split="train", download=False)

    def measure(seconds: float) -> float:
        clock = Clock(seconds, material.device)
        with quiet_directory() as directory:
            training = trainer.Trainer(
                netG=generator, netD=discriminator, **optimizers, dataloader=loader(images, material.batch),
                num_steps=NEVER, n_dis=1, log_dir=str(directory / "log"), device=material.device,
                print_steps=NEVER, vis_steps=NEVER, log_steps=NEVER, save_steps=NEVER,
            )  # fmt: skip
            scheduled = training.scheduler.step

            def step(**values: Any) -> Any:
                if not clock.tick():
                    training.num_steps = 0
                return scheduled(**values)

            training.scheduler.step = step
            training.train()
        return clock.speed(material.batch)

    return measure


def lightning_side(work: Work, clone: Path) -> Callable[[float], float]:
    """Build Lightning's GAN example in Lightning's ``Trainer``. Return its measurement."""
    from lightning.pytorch import Callback, Trainer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    material, module = Material.of(work), load(clone / LIGHTNING)

    class Example(module.GAN):  # type: ignore[misc, name-defined]
        def on_train_epoch_end(self) -> None:
            """Draw no sample images."""

    class Stop(Callback):  # type: ignore[misc]
        def __init__(self, clock: Clock) -> None:
            self.clock = clock

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            trainer.should_stop = not self.clock.tick()

    height, width, channels = material.array.shape[1:]
    first, second = material.betas
    example = Example((channels, height, width), material.lr, first, second, material.latent_dim)
    example.generator, example.discriminator = material.generator, material.discriminator
    images = InMemory(material.array, transforms.ToTensor())

    def measure(seconds: float) -> float:
        clock = Clock(seconds, material.device)
        with quiet_directory() as directory:
            Trainer(
                accelerator="gpu" if material.device.type == "cuda" else "cpu", devices=1, max_epochs=-1,
                callbacks=[Stop(clock)], default_root_dir=str(directory), logger=False, enable_checkpointing=False,
                enable_progress_bar=False, enable_model_summary=False,
            ).fit(example, loader(images, material.batch))  # fmt: skip
        return clock.speed(material.batch)

    return measure


class OneBatch(int):
    """A batch size that stays the same when a project multiplies it."""

    def __mul__(self, other: object) -> int:
        return int(self)


class Steps:
    """A replacement for tqdm's ``trange`` that counts from 1 until the clock stops it, and shows nothing."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[int]:
        step, more = 0, True
        while more:
            step += 1
            yield step
            more = self.clock.tick()

    def set_postfix(self, **_: Any) -> None: ...
