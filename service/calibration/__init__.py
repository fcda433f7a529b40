"""Calibration: from the measured variance of a layer's output to weights of a corrected scale."""

from service.calibration.calibration import Calibration, calibrate
from service.calibration.measurement import Measurement, parse_measurement_json

__all__ = ["Calibration", "Measurement", "calibrate", "parse_measurement_json"]
