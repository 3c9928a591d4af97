"""Registers `push` and the addresses `hf://OWNER/NAME`, for runs on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable

from ganzoo import CommandEntry, StoreEntry, hookimpl


@hookimpl
def register_commands(register: Callable[[CommandEntry], None]) -> None:
    register(
        CommandEntry(
            name="push",
            summary="Publish a run's generator with its configuration, score and a model card.",
            target="ganzoo_hub.commands:push",
            group="Share and export",
        )
    )


@hookimpl
def register_stores(register: Callable[[StoreEntry], None]) -> None:
    register(
        StoreEntry(
            name="hf",
            summary="Runs on the Hugging Face hub: hf://OWNER/NAME, with @REVISION for one that is not the newest",
            target="ganzoo_hub.client:fetch",
        )
    )
