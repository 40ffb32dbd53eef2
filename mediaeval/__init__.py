"""Take part in MediaEval's Visual Sentiment Analysis: from photographs to a run file that is proved."""

__version__ = "0.1.0"
