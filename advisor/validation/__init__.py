"""Predicted against measured: measurement files through the same estimator that the app uses."""

from advisor.validation.predict import FileResult, RowResult, validate_files

__all__ = ["FileResult", "RowResult", "validate_files"]
