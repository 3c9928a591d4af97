"""Explains the figures of a run in plain words and says what to try. Each finding has one pure function.

The limits were set on runs of this project, some that learned well and some that collapsed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from ganzoo.runs.ranking import Ranking
from ganzoo.runs.reader import Facts, Record
from ganzoo_report.advice import again, longer, on_run, one_more_step, other_rates, scaled_rates
from ganzoo_report.closer import CLOSE, Look
from ganzoo_report.story import Story

ENOUGH = 8  # records of the log that a diagnosis needs
TOO_STRONG = 0.95  # share of pairs ranked correctly; runs that learn stay below it
BEHIND = 0.35  # share of pairs ranked correctly, worse than a guess; runs that learn stay above 0.45
VANISHED = 0.01  # gradient norm at the end, as a share of that in the first quarter
COLLAPSED = 0.6  # distance to the nearest sample, as a share of that between real images; runs that learn reach 0.9
GROWING = 1.05  # growth of that distance from the middle of a run to its end, above which variety is still rising
STILL = 0.15  # movement over a whole run, in distances between two real images; runs that learn exceed 2
EARLY = 0.15  # share of the run; a first score after it is that of a trained generator
BETTER = 0.97  # ratio of the last score to the best one before; below 1 is better
WORSE, MUCH_WORSE = 1.05, 1.25  # ratio of the last score to the best
AHEAD = 0.6  # share of pairs ranked correctly at the end; below it, the discriminator hardly tells images apart
FELL = 0.55  # the discriminator's gradient norm in a stall, as a share of that in the first quarter
REVIVED = 1.5  # growth of the discriminator's gradient after a stall; in runs that learn it has no such dip
CATCHING_UP = 0.05  # change in the share of pairs ranked correctly, from an earlier quarter to the last, that is a gain
QUARTERS = ("first", "second", "third", "last")

Kind = Literal["trouble", "note", "good"]


@dataclass(frozen=True)
class Finding:
    """One result of the diagnosis.

    why: the figures it is based on. advice, command: what to try; empty if there is nothing to try.
    """

    kind: Kind
    title: str
    why: str
    advice: str = ""
    command: str = ""


def diagnose(facts: Facts, story: Story, look: Look | None = None) -> list[Finding]:
    """Return all findings, problems first; never empty."""
    copied = [finding] if look and (finding := copying(look)) else []
    if len(facts.log) < ENOUGH:
        few = f"The log holds {len(facts.log)} records; a diagnosis needs {ENOUGH} or more."
        return [*copied, Finding("note", "Too early to say", few, *longer(facts))]
    rules: Sequence[Callable[[Facts, Story], Finding | None]] = (
        no_learning,
        discriminator_stopped,
        discriminator_stalled,
        discriminator_too_strong,
        discriminator_pulls_ahead,
        discriminator_behind,
        mode_collapse,
        past_its_best,
        still_improving,
    )
    found = copied + [finding for rule in rules if (finding := rule(facts, story))]
    return found or [Finding("good", "No trouble seen", _all_well(facts, story))]


def discriminator_stopped(facts: Facts, story: Story) -> Finding | None:
    """Report a discriminator that hardly tells images apart and whose own gradient has vanished."""
    early, late = _quarter(facts.log, 0), _quarter(facts.log, 3)
    before, after = mean(early, "gradient_discriminator"), mean(late, "gradient_discriminator")
    auc = mean(late, "auc")
    if auc is None or auc >= AHEAD or not before or after is None or after >= VANISHED * before:
        return None
    why = (
        f"Its gradient fell to {after / before:.2%} of what it was, while it ranked {auc:.1%} of real/generated pairs "
        "correctly (a guess: 50%). Its output hardly depends on the image, so the generator learns nothing from it."
    )
    advice = "Try another normalisation if its architecture has one, or a lower learning rate from the start:"
    return Finding(
        "trouble", "The discriminator stopped learning", why, *other_rates(facts, 1 / 4, advice, "discriminator")
    )


def discriminator_stalled(facts: Facts, story: Story) -> Finding | None:
    """Report a discriminator that stopped learning in the middle of a run and began again before its end."""
    auc = [share or 1.0 for share in _quarters(facts.log, "auc")]
    gradient = [norm or 0.0 for norm in _quarters(facts.log, "gradient_discriminator")]
    number = 1 if gradient[1] < gradient[2] else 2
    fell, rose = gradient[number] < FELL * gradient[0], gradient[3] > REVIVED * gradient[number]
    if not (fell and rose and auc[number] < AHEAD <= auc[3]):
        return None
    why = (
        f"In the {QUARTERS[number]} quarter of the run it ranked only {auc[number]:.1%} of real/generated pairs "
        f"correctly (a guess: 50%) and its gradient was {gradient[number] / gradient[0]:.0%} of that in the first. "
        "While it guesses, the generator learns little from it."
    )
    return Finding(
        "trouble",
        "The discriminator stalled",
        why,
        "Lower both learning rates, and give it one more step for each step of the generator:",
        again(facts, *scaled_rates(facts, 1 / 2, "generator", "discriminator"), one_more_step(facts)),
    )


def discriminator_too_strong(facts: Facts, story: Story) -> Finding | None:
    """Report a discriminator that tells nearly all images apart, or that passes no gradient back to the generator.

    A critic, which has no border between real and fake, is judged by the gradient alone.
    """
    if discriminator_stopped(facts, story):
        return None
    early, late = _quarter(facts.log, 0), _quarter(facts.log, 3)
    auc = mean(late, "auc")
    before, after = mean(early, "gradient_generator"), mean(late, "gradient_generator")
    if before and after is not None and after < VANISHED * before:
        why = f"The gradient that reaches the generator fell to {after / before:.2%} of what it was."
    elif (
        auc is not None
        and auc >= TOO_STRONG
        and mean(late, "accuracy_real") is not None
        and not _improved_to_the_end(facts)
    ):
        why = (
            f"In the last quarter of the run it ranked {auc:.1%} of real/generated pairs correctly. If it is nearly "
            "always right, the generator learns little from it."
        )
    else:
        return None
    return Finding(
        "trouble",
        "The discriminator is too strong",
        why,
        *other_rates(facts, 1 / 4, "Let it learn more slowly:", "discriminator"),
    )


def discriminator_pulls_ahead(facts: Facts, story: Story) -> Finding | None:
    """Report a discriminator that tells more and more images apart, but not yet nearly all.

    Some of this is usual while the learning rates fall, and it is harmless while the score improves.
    """
    quarters = _quarters(facts.log, "auc")
    lowest, late = min((auc for auc in quarters[:3] if auc is not None), default=None), quarters[3]
    if lowest is None or late is None or late < AHEAD or late - lowest <= CATCHING_UP:
        return None
    if discriminator_stalled(facts, story) or discriminator_too_strong(facts, story) or _improved_to_the_end(facts):
        return None
    when = QUARTERS[quarters.index(lowest)]
    why = (
        f"It ranked {lowest:.1%} of real/generated pairs correctly in the {when} quarter of the run, {late:.1%} in "
        "the last: it learns to tell them apart faster than the generator learns to fool it."
    )
    learning_rates = [record["lr_discriminator"] for record in facts.log if "lr_discriminator" in record]
    if learning_rates and learning_rates[-1] < learning_rates[len(learning_rates) // 2]:
        why += " The learning rates fell meanwhile: smaller steps are easier to judge, so part of it is usual."
    advice = "If the images no longer improve, let it learn more slowly:"
    return Finding("note", "The discriminator pulls ahead", why, *other_rates(facts, 1 / 2, advice, "discriminator"))


def discriminator_behind(facts: Facts, story: Story) -> Finding | None:
    """Report a discriminator that ranks generated images above real ones, since the generator has moved on."""
    auc = mean(_quarter(facts.log, 3), "auc")
    if auc is None or auc >= BEHIND:
        return None
    why = (
        f"In the last quarter of the run it ranked only {auc:.1%} of real/generated pairs correctly; a guess reaches "
        "50%. While it is wrong, the generator learns the wrong things. At the start of a run this passes."
    )
    advice = "If it lasts, give it one more step for each step of the generator:"
    return Finding("note", "The discriminator is behind", why, advice, again(facts, one_more_step(facts)))


def mode_collapse(facts: Facts, story: Story) -> Finding | None:
    """Report generated images that are more alike than real ones; only a note while they move apart."""
    seen = [snapshot for snapshot in story.snapshots[1:] if snapshot.nearest is not None]
    if not seen:
        return None
    middle, last = seen[len(seen) // 2].nearest or 0.0, seen[-1].nearest or 0.0
    if last >= COLLAPSED:
        return None
    why = (
        f"Of 64 generated images each is only {last:.0%} as far from its nearest neighbour as real images are "
        f"(any two of them: {seen[-1].diversity or 0:.0%})"
    )
    if last > GROWING * middle:
        why += f", but they move apart: in the middle of the run it was {middle:.0%}."
        return Finding("note", "Little variety yet", why, *longer(facts))
    slower = other_rates(facts, 1 / 4, "Let the generator take smaller steps:", "generator")
    return Finding("trouble", "Mode collapse suspected", f"{why}: many look alike.", *slower)


def copying(look: Look) -> Finding | None:
    """Report generated images that are suspiciously close to training images."""
    if look.nearest is None or not look.nearest.copies:
        return None
    why = (
        f"{look.nearest.copies} of {len(look.nearest.generated)} generated images lie less than {CLOSE:g} times as "
        "far from a training image as real images usually do: see the marked pairs of the closer look."
    )
    advice = "Train on more images, or with an augmentation. This lists them:"
    return Finding("trouble", "Copying suspected", why, advice, "ganzoo list")


def _gain(ranking: Ranking, before: float, after: float) -> float:
    """Return by how much a value became better; negative if it became worse."""
    return ranking.key(before) - ranking.key(after)


def no_learning(facts: Facts, story: Story) -> Finding | None:
    """Report images, or a score, that did not change over the run."""
    moved = story.travelled
    ranking, scores = facts.ranking, [value for _, value in facts.ranked]
    early = len(scores) > 2 and facts.ranked[0][0] <= EARLY * facts.kimg and past_its_best(facts, story) is None
    if moved is not None and moved < STILL:
        why = f"Over the whole run the images moved by {moved:.0%} of the distance between two real images."
    elif ranking and early and _gain(ranking, scores[0], ranking.best(scores[1:])) <= 0.01 * abs(scores[0]):
        moves, most = ("fell below", "lowest") if ranking.lower_is_better else ("rose above", "highest")
        first, best = (ranking.text(value, 1) for value in (scores[0], ranking.best(scores[1:])))
        why = f"The {ranking.title} never {moves} where it began ({first}; the {most} after that: {best})."
    else:
        return None
    return Finding(
        "trouble", "No learning", why, *other_rates(facts, 4, "Let the generator take larger steps:", "generator")
    )


def past_its_best(facts: Facts, story: Story) -> Finding | None:
    """Report a score that became worse again after its best."""
    ranking, scored = facts.ranking, facts.ranked
    if ranking is None or len(scored) < 2:
        return None
    best, last = min(scored, key=lambda found: (ranking.key(found[1]), found[0])), scored[-1]
    worse = ranking.ratio(last[1], best[1])
    if worse <= WORSE:
        return None
    was, now = (f"{ranking.text(value, 1)} at {kimg:g} kimg" for kimg, value in (best, last))
    why = f"The {ranking.title} was {was} and is {now}."
    command = on_run(facts, "sample", "--checkpoint", "best")
    kind: Kind = "trouble" if worse > MUCH_WORSE else "note"
    return Finding(kind, "Past its best", why, "The best checkpoint was kept; use that one:", command)


def still_improving(facts: Facts, story: Story) -> Finding | None:
    """Report a last score that is the best by a margin; without scores, a generator that was catching up to the end."""
    ranking, scores = facts.ranking, [value for _, value in facts.ranked]
    middle, late = mean(_quarter(facts.log, 1), "auc"), mean(_quarter(facts.log, 3), "auc")
    if ranking and len(scores) > 1:
        if not _improved_to_the_end(facts):
            return None
        moved = "fell" if ranking.lower_is_better else "rose"
        before, last = (ranking.text(value, 1) for value in scores[-2:])
        why = f"The {ranking.title} {moved} to the end: {before}, then {last}."
    elif middle is not None and late is not None and middle - late > CATCHING_UP and late > 0.5:
        why = f"The discriminator ranked {middle:.1%} of pairs correctly in the second quarter, {late:.1%} in the last."
    else:
        return None
    return Finding("note", "Still improving", why, *longer(facts))


def mean(records: Sequence[Record], name: str) -> float | None:
    """Return the mean of a figure over the records that have it; None if no record has it."""
    values = [record[name] for record in records if name in record]
    return fmean(values) if values else None


def _improved_to_the_end(facts: Facts) -> bool:
    ranking, scores = facts.ranking, [value for _, value in facts.ranked]
    return ranking is not None and len(scores) > 1 and ranking.ratio(scores[-1], ranking.best(scores[:-1])) <= BETTER


def _quarter(log: Sequence[Record], number: int) -> Sequence[Record]:
    return log[number * len(log) // 4 : (number + 1) * len(log) // 4]


def _quarters(log: Sequence[Record], name: str) -> list[float | None]:
    return [mean(_quarter(log, number), name) for number in range(4)]


def _all_well(facts: Facts, story: Story) -> str:
    parts = []
    if (auc := mean(_quarter(facts.log, 3), "auc")) is not None:
        parts.append(f"the discriminator ranks {auc:.0%} of pairs correctly (50%: cannot tell them apart)")
    last = story.snapshots[-1] if story.snapshots else None
    if last and last.nearest is not None and last.diversity is not None:
        parts.append(f"the samples are {last.diversity:.0%} as diverse as real images")
    words = "; ".join(parts)
    return f"{words[:1].upper()}{words[1:]}." if words else "None of the rules of this page found anything."
