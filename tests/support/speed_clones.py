"""Stand-ins for the projects whose training loops ``benchmarks/speed/peer_training.py`` measures.

Each has the parts of the real project that the script uses: its names, its imports and the order of its calls.
"""

from __future__ import annotations

COLLECTIONS = """
import os
import sys
from absl import app, flags
from pytorch_gan_metrics import get_inception_score_and_fid
from tensorboardX import SummaryWriter
import torch
from torchvision import datasets, transforms

flags.DEFINE_enum('arch', 'cnn32', ['cnn32'], 'help')
flags.DEFINE_integer('batch_size', 128, 'help')
flags.DEFINE_string('logdir', './logs', 'help')
FLAGS, device = flags.FLAGS, torch.device('cuda:0')
net_G_models = net_D_models = trange = None


def train():
    dataset = datasets.CIFAR10('./data', train=True, download=True, transform=transforms.ToTensor())
    loader = iter(torch.utils.data.DataLoader(dataset, batch_size=FLAGS.batch_size))
    net_G, net_D = net_G_models[FLAGS.arch](FLAGS.z_dim).to(device), net_D_models[FLAGS.arch]().to(device)
    optimizer = torch.optim.Adam(net_G.parameters(), lr=FLAGS.lr_G, betas=FLAGS.betas)
    os.makedirs(os.path.join(FLAGS.logdir, 'sample'))
    SummaryWriter(FLAGS.logdir).add_text('flags', FLAGS.flags_into_string())
    with trange(1, FLAGS.total_steps + 1, desc='Training') as bar:
        for step in bar:
            loss = net_D(next(loader)[0]).mean()
            bar.set_postfix(loss='%.4f' % loss)
            loss = net_D(net_G(torch.randn(FLAGS.batch_size * 2, FLAGS.z_dim))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
MIMICRY = {
    "__init__": "import tensorflow",
    "nets/__init__": "",
    "nets/gan/__init__": "",
    "nets/gan/gan": """
import torch

class Base(torch.nn.Module):
    def __init__(self, loss_type, **sizes):
        super().__init__()
        self.loss_type, self.nz = loss_type, sizes.get('nz')

class BaseGenerator(Base): ...
class BaseDiscriminator(Base): ...
""",
    "training/__init__": "",
    "training/trainer": """
import os, torch
from types import SimpleNamespace
from skimage import io
from torch.utils.tensorboard import SummaryWriter

class Trainer:
    def __init__(self, netD, netG, optD, optG, dataloader, num_steps, log_dir, n_dis, device,
                 print_steps, vis_steps, log_steps, save_steps):
        vars(self).update(locals())
        os.makedirs(log_dir)
        self.scheduler = SimpleNamespace(step=lambda log_data, global_step: log_data)

    def train(self):
        step, images = 0, iter(self.dataloader)
        while step < self.num_steps:
            step += 1
            self.netD(next(images)[0])
            self.optG.zero_grad()
            self.netD(self.netG(torch.randn(self.dataloader.batch_size, self.netG.nz))).mean().backward()
            self.optG.step()
            self.scheduler.step(log_data={}, global_step=step)
""",
    "datasets/__init__": "",
    "datasets/data_utils": """
import torchvision
import torchvision.transforms as transforms

def load_cifar10_dataset(root, split, download):
    return torchvision.datasets.CIFAR10(root, train=True, download=download, transform=transforms.ToTensor())
""",
}
LIGHTNING = """
import torch

class GAN:
    def __init__(self, img_shape, lr, b1, b2, latent_dim):
        self.img_shape, self.lr, self.betas, self.latent_dim = img_shape, lr, (b1, b2), latent_dim
        self.generator = self.discriminator = None

    def training_step(self, batch):
        optimizer = torch.optim.Adam(self.generator.parameters(), lr=self.lr, betas=self.betas)
        self.discriminator(batch[0])
        self.discriminator(self.generator(torch.randn(len(batch[0]), self.latent_dim))).mean().backward()
        optimizer.step()

    def on_train_epoch_end(self):
        self.generator.model[0].weight
"""


class Trainer:
    """The part of Lightning's ``Trainer`` that a training loop uses."""

    def __init__(self, *, callbacks, logger, enable_checkpointing, **others):
        self.callbacks, self.should_stop = callbacks, False
        assert not logger and not enable_checkpointing

    def fit(self, model, loader):
        while not self.should_stop:
            for index, batch in enumerate(loader):
                model.training_step(batch)
                for callback in self.callbacks:
                    callback.on_train_batch_end(self, model, None, batch, index)
                if self.should_stop:
                    break
            model.on_train_epoch_end()


def write_clones(directory):
    """Write stand-ins for the three clones. Return the root of each by the name of its option."""
    roots = {name: directory / name for name in ("collections", "mimicry", "lightning")}
    files = {
        roots["collections"] / "dcgan.py": COLLECTIONS,
        roots["lightning"] / "examples/pytorch/domain_templates/generative_adversarial_net.py": LIGHTNING,
        **{roots["mimicry"] / "torch_mimicry" / f"{name}.py": code for name, code in MIMICRY.items()},
    }
    for file, code in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    return roots
