"""How far a run is, in a line."""

from __future__ import annotations

from .pipeline import Pipeline


def line(pipeline: Pipeline, seconds: float) -> str:
    """Done of total, rate, time left, tokens, errors: one line."""
    progress = pipeline.progress
    rate = progress.done / seconds if seconds else 0.0
    left = (progress.total - progress.done) / rate if rate else None
    tokens = sum(meter.input_tokens + meter.output_tokens for meter in pipeline.meters)
    retries = sum(meter.retries for meter in pipeline.meters)
    parts = [
        f"{progress.done:,}/{progress.total:,} verdicts",
        f"{rate:,.1f}/s",
        f"{duration(left)} left",
        f"{tokens:,} tokens",
        f"{progress.errors:,} errors",
    ]
    parts += [f"{progress.unscored:,} unscored"] if progress.unscored else []
    parts += [f"{retries:,} retries"] if retries else []
    parts += [meter.doing for meter in pipeline.meters if meter.doing]
    parts += [progress.doing] if progress.doing else []
    return ", ".join(parts)


def duration(seconds: float | None) -> str:
    """Seconds as ``1:02:03`` or ``2:03``; ``?`` where nobody can tell yet."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
