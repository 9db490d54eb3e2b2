"""What a check of a plan found, in sentences: as predicted, as measured, and how far that is sure."""

from collections.abc import Iterator

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.model.plan_check import CheckedPlan, MeasuredPlan, PlanCheck


def check_sentences(check: PlanCheck) -> Iterator[str]:
    """Damage and metric of the best plan as measured and predicted, what its layers do together, and what solving
    again was worth."""
    best, first = check.best_plan, check.first_plan
    yield f"Measured as a whole: {measured_words(best.measured)}."
    if predicted := predicted_words(best):
        yield f"Predicted before that: {predicted}."
    if best.latency is not None:
        told = f" ({best.predicted_latency:.2f} predicted)" if best.predicted_latency is not None else ""
        yield f"It takes {best.latency:.2f} of the original's milliseconds as tried{told}."
    if check.interaction is not None and first.predicted is not None:
        damage, alone = figures.number(first.measured.damage), figures.number(first.predicted)
        found = f"damage {damage} where its layers one by one add up to {alone}"
        yield f"{'The plan' if check.best == 0 else 'The first plan'} does {found} ({check.interaction:.2f} times)."
    if check.best:
        share = best.measured.damage / first.measured.damage if first.measured.damage else 1.0
        count = figures.counted(len(check.plans), "plan")
        yield f"Solved again around it: {share:.2f} times the damage of the first, of {count} measured."
    elif len(check.plans) > 1:
        yield f"Solved again around it, {figures.counted(len(check.plans) - 1, 'plan')} did no less damage."


def gain_words(first: MeasuredPlan, best: MeasuredPlan) -> str:
    """What a better plan gained in a sentence: by how much less damage, and the metric's change of both."""
    share = f"{best.damage / first.damage:.2f} times" if first.damage else "less of"
    words = f"The check found a better plan within the same budget: {share} the damage"
    if first.change is not None and best.change is not None:
        kind = kind_of(best.metric)
        changes = (kind.write_change(0.0, one.change or 0.0) for one in (first, best))
        words += f", {kind.noun} {' → '.join(changes)}"
    return f"{words}, measured on {figures.counted(best.samples, 'sample')}."


def predicted_words(plan: CheckedPlan) -> str:
    """The metric before and as predicted with the interval of its change, and the damage; empty where nothing was."""
    words = []
    if plan.predicted_change is not None and plan.measured.before is not None:
        kind, before = kind_of(plan.measured.metric), plan.measured.before
        words.append(f"{kind.noun} {' → '.join(kind.write_pair(before, before + plan.predicted_change))}")
        if plan.predicted_interval is not None:
            low, high = plan.predicted_interval
            words[0] += f" ({kind.write_change(0.0, low)} to {kind.write_change(0.0, high)})"
    if plan.predicted is not None:
        words.append(f"damage {figures.number(plan.predicted)}")
    return ", ".join(words)


def measured_words(measured: MeasuredPlan) -> str:
    """The metric before and after with the interval of its change, else the damage with its own."""
    samples = f"on {figures.counted(measured.samples, 'validation sample')}"
    damage = f"damage {figures.number(measured.damage)}"
    if measured.damage_interval is not None:
        low, high = measured.damage_interval
        damage += f" ({figures.number(low)} to {figures.number(high)})"
    if measured.before is None or measured.after is None:
        return f"{damage} {samples}"
    kind = kind_of(measured.metric)
    words = f"{kind.noun} {' → '.join(kind.write_pair(measured.before, measured.after))}"
    if measured.change_interval is not None:
        low, high = measured.change_interval
        words += f" ({kind.write_change(0.0, low)} to {kind.write_change(0.0, high)})"
    return f"{words} {samples}, {damage}"
