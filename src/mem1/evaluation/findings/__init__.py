"""What a reader must know before any figure."""

from mem1.evaluation.findings.sentences import findings

__all__ = ["findings"]
