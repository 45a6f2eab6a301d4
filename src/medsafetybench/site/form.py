"""What a board reads of Every Eval Ever 0.3: their result and their samples, as far as it goes.

Their form holds more, and their own schema is stricter where it is of use to others; whatever msb
exports is valid by both. ``additional_details`` are texts there, and hold what is ours.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, Json, StringConstraints

from ..records import Intent
from ..results.scorecard import JudgeChecked
from ..store.store import IDENTITY

Id = Annotated[str, StringConstraints(pattern=f"^{IDENTITY.pattern}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Told(BaseModel):
    """What our export says of a run beside what their form asks."""

    run: Id


class SourceMetadata(BaseModel):
    source_organization_name: Name
    additional_details: Told


class ModelInfo(BaseModel):
    name: Name
    id: Name
    additional_details: dict[str, str]


class AskedDetails(BaseModel):
    sha256: str
    requests: int


class SourceData(BaseModel):
    dataset_name: Name
    additional_details: AskedDetails


class MetricDetails(BaseModel):
    judge: Name
    judge_settings: Json[list[dict[str, str]]]
    judge_scale: Name
    judge_cards: Json[list[JudgeChecked]]


class MetricConfig(BaseModel):
    metric_id: Name
    additional_details: MetricDetails


class Uncertainty(BaseModel):
    num_samples: int = Field(ge=0)


class ScoreDetails(BaseModel):
    score: float = Field(allow_inf_nan=False)
    uncertainty: Uncertainty


class Measured(BaseModel):
    """One measure of the run."""

    source_data: SourceData
    metric_config: MetricConfig
    score_details: ScoreDetails


class Library(BaseModel):
    version: str


class Samples(BaseModel):
    checksum: str
    total_rows: int


class Result(BaseModel):
    """The result, without its samples."""

    schema_version: Literal["0.3.0"]
    evaluation_id: Name
    evaluation_timestamp: str
    source_metadata: SourceMetadata
    eval_library: Library
    model_info: ModelInfo
    evaluation_results: list[Measured] = Field(min_length=1)
    detailed_evaluation_results: Samples


class Input(BaseModel):
    raw: str


class Output(BaseModel):
    raw: list[str] = Field(min_length=1)


class Message(BaseModel):
    role: str
    content: str | None


class Evaluation(BaseModel):
    score: float = Field(allow_inf_nan=False)


class SampleDetails(BaseModel):
    intent: Intent
    level: Name


class Performance(BaseModel):
    latency_ms: float | None = None


class Sample(BaseModel):
    """One request by one measure."""

    evaluation_id: str
    evaluation_result_id: str
    sample_id: Name
    sample_hash: str
    input: Input
    output: Output | None = None
    messages: list[Message] | None = None
    evaluation: Evaluation
    metadata: SampleDetails
    performance: Performance | None = None

    @property
    def answer(self) -> str:
        """What the model said."""
        if self.messages:
            return self.messages[-1].content or ""
        return self.output.raw[0] if self.output else ""
